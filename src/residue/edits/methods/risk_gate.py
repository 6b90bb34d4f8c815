"""An SAE gate scheduled by risk: stronger once the text comes near to what shall be forgotten.

A token is risky if it stands in forget rows (prompts and answers) and log P(token | forget) −
log P(token | retain) exceeds a limit. The gate is strong while one is among the latest tokens. The
list is of one tokenizer, whose hash is kept beside it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residue.edits.gates import ScheduledOptions, picked
from residue.edits.schedule import ScheduledGate, votes
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from residue.edits.fitting import FitData


@dataclass(frozen=True)
class Edit(ScheduledOptions):
    """A gate that is strong near risky tokens and weak elsewhere."""

    window: int = 16
    """Tokens for which a risky one counts; more also cover long answers and long detours."""
    limit: float = 2.0
    """How much more usual than in retain rows a risky token is, nats; lower takes in more."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.limit <= 0:
            raise SpecError("limit", "must be above 0, where a token is as usual on both sides.")

    def fit(
        self, model: Any, tokenizer: Any, data: FitData, *, seed: int, place: int
    ) -> ScheduledGate:
        """Features of the picker, risky tokens from forget and retain rows."""
        row = data.row(self.row)
        said = [[i for each in data.examples(name) for i in each.ids] for name in SETS]
        vocabulary = model.get_input_embeddings().weight.shape[0]
        risky = votes(said[0], said[1], vocabulary) > self.limit
        if not risky.any():
            raise ValueError(f"no token exceeds limit {self.limit}; lower the edit's option limit")
        return ScheduledGate(
            model,
            place=place,
            sae=data.sae(row),
            tensors={
                "features": picked(data, row, self.picker, self.count),
                "votes": risky.float(),
            },
            settings={
                "alpha": self.alpha,
                "spread": self.spread,
                "window": self.window,
                "tokens": int(risky.sum()),
                "tokenizer_sha256": tokenizer_digest(tokenizer),
            },
        )

    @staticmethod
    def load(model: Any, folder: Path, *, place: int) -> ScheduledGate:
        """The saved gate."""
        return ScheduledGate.open(model, folder, place=place)


SETS = ("forget", "retain")


def tokenizer_digest(tokenizer: Any) -> str:
    """SHA-256 of a tokenizer's vocabulary, pieces in the order of their ids."""
    pieces = sorted(tokenizer.get_vocab().items(), key=lambda each: (each[1], each[0]))
    return hashlib.sha256(repr(pieces).encode()).hexdigest()
