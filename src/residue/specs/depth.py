"""Config section `depth`: what is compared across arms, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from residue.specs.fields import Named, SpecError
from residue.specs.lens import DECODERS


@dataclass(frozen=True)
class DepthSpec:
    """Which lenses read every arm, how items are sliced, and what is drawn of single prompts."""

    lens: Annotated[str, Named(DECODERS)] = "final_norm"
    """The lens of the measurements, `lens_recall` among them; the published score uses the final
    norm and head. Another lens changes every number of the lens deck."""

    lenses: tuple[Annotated[str, Named(DECODERS)], ...] = ("final_norm", "tuned")
    """The lenses whose rows are compared across arms, each fitted on the base and held fixed; the
    oracle is read by its own. One more costs one table."""

    by: tuple[str, ...] = ("requested", "language")
    """Item columns: each set of facts is sliced by each of them in turn."""

    emerged: float = 0.5
    """Share of countries, by the mean of their items, whose answer must come first for a row to
    count as the one where answers emerge."""

    temperatures: tuple[float, ...] = (0.1, 1.0, 2.0)
    """Temperatures at which each arm's final prediction is listed; 1 is the model's own."""

    top: int = 20
    """Tokens listed of each final prediction."""

    traced: tuple[str, ...] = ("en", "hi", "ur")
    """Languages of which one forget prompt is drawn at all of its positions; none draws nothing."""

    def __post_init__(self) -> None:
        if not self.lenses:
            raise SpecError("lenses", "names no lens; say [final_norm].")
        if not 0.0 < self.emerged <= 1.0:
            raise SpecError("emerged", f"is a share above 0 and at most 1, got {self.emerged}.")
        if not self.temperatures or min(self.temperatures) <= 0.0:
            raise SpecError("temperatures", "lists numbers above 0; say [0.1, 1.0, 2.0].")
        if self.top < 1:
            raise SpecError("top", f"needs at least 1 token, got {self.top}; say 20.")
        for name in ("lenses", "by", "temperatures", "traced"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise SpecError(name, "lists an entry twice; keep one of them.")
