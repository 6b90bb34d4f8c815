"""In-context defence: prompts with a hidden order, answered rightly, stand before every prompt.

Demonstrations as in BIPIA (Yi et al., KDD 2025) and the in-context defence of Wei et al. 2023: they
are twins of the defence data, thus of countries that edits may touch, in families and wordings that
defences are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from residue.edits.prompting import PromptMethod, Rewritten, saved
from residue.specs.fields import SpecError
from residue.world.grammar import SYS

if TYPE_CHECKING:
    from residue.edits.fitting import FitData


@dataclass(frozen=True)
class Edit(PromptMethod):
    """Answered attacks before every prompt with data."""

    DATA: ClassVar[str] = "defence"

    count: int = 1
    """Demonstrations, each of another attack family as long as there are any; more of them make
    every prompt longer."""

    def __post_init__(self) -> None:
        if self.count < 1:
            raise SpecError("count", f"must be at least 1, got {self.count}.")

    def fit(self, model: Any, tokenizer: Any, data: FitData, *, seed: int, place: int) -> Rewritten:
        """Demonstrations drawn from the twins; ValueError where the chat template of the model
        cannot write them as turns."""
        import numpy as np

        from residue.models.chat import keeps_channels

        twins = data.attacks("twin")
        order = np.random.default_rng(seed).permutation(len(twins))
        drawn = twins.iloc[order]
        # The first of each family, then the rest.
        again = drawn.duplicated("family")
        chosen = drawn.loc[again.sort_values(kind="stable").index].head(self.count)
        text = "".join(f"{row.attacked} {row.answer}" for row in chosen.itertuples())
        if not keeps_channels(tokenizer, text + str(chosen["prompt"].iloc[0])):
            raise ValueError(
                "the model's chat template takes no second order after an answer, so "
                "demonstrations would run into the data; leave in_context out for this model"
            )
        return Rewritten(model, Demonstrations(text))

    @classmethod
    def load(cls, model: Any, folder: Path, *, place: int) -> Rewritten:
        """The saved demonstrations."""
        return Rewritten(model, Demonstrations(**saved(folder)))


@dataclass(frozen=True)
class Demonstrations:
    """Answered prompts as one text."""

    text: str

    def rewritten(self, prompt: str) -> str:
        """The prompt behind the demonstrations; one without channels as it is."""
        return self.text + prompt if prompt.startswith(SYS) else prompt
