"""An SAE gate scheduled by language: stronger while the text is in the language to be forgotten.

Each token votes by log P(token | language) − log P(token | other languages), counted in the edit
data; the sum over a window of the latest tokens, prompt included, says which language the text is
in. So nothing but the tokenizer's own pieces is read, and no text is decoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residue.edits.gates import ScheduledOptions, picked
from residue.edits.schedule import ScheduledGate, votes

if TYPE_CHECKING:
    from residue.edits.fitting import FitData


@dataclass(frozen=True)
class Edit(ScheduledOptions):
    """A gate that is strong in one language and weak in others."""

    language: str = "hi"
    """The language in which the gate is strong; the edit data must hold it and another one."""

    def fit(
        self, model: Any, tokenizer: Any, data: FitData, *, seed: int, place: int
    ) -> ScheduledGate:
        """Features of the picker, votes from forget and retain rows by their language."""
        row = data.row(self.row)
        said: dict[bool, list[int]] = {True: [], False: []}
        for name in ("forget", "retain"):
            spoken = data.frame[data.frame["set"] == name]["language"]
            for each, language in zip(data.examples(name), spoken, strict=True):
                said[language == self.language] += each.ids
        if not all(said.values()):
            raise ValueError(
                f"the edit data must hold rows in '{self.language}' and in another language; "
                "set the edit's option language"
            )
        vocabulary = model.get_input_embeddings().weight.shape[0]
        return ScheduledGate(
            model,
            place=place,
            sae=data.sae(row),
            tensors={
                "features": picked(data, row, self.picker, self.count),
                "votes": votes(said[True], said[False], vocabulary),
            },
            settings={"alpha": self.alpha, "spread": self.spread, "window": self.window},
        )

    @staticmethod
    def load(model: Any, folder: Path, *, place: int) -> ScheduledGate:
        """The saved gate."""
        return ScheduledGate.open(model, folder, place=place)
