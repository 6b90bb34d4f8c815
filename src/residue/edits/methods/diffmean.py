"""DiffMean: one vector is added to a row at every position, away from what shall be forgotten.

h ← h − c (μ_forget − μ_retain) with μ the means of the row at the ends of prompts: at c = 1 the
mean of forget prompts comes to lie on that of retain prompts. The simplest steering there is, and a
bar to clear (Wu et al. 2025, arXiv 2501.17148).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from residue.edits.intervention import Intervention
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.fitting import FitData


@dataclass(frozen=True)
class Edit:
    """A constant step from the forget mean towards the retain mean."""

    row: int | None = None
    """Residual row that is moved; null takes the best of the chosen rows."""
    coefficient: float = 1.0
    """c: length of the step in units of the distance between the means."""

    REMOVABLE: ClassVar[bool] = True
    NEEDS: ClassVar[tuple[str, ...]] = ("layers",)
    GRADED: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.coefficient == 0:
            raise SpecError("coefficient", "is 0, which moves nothing; choose e.g. 1.")

    def fit(self, model: Any, tokenizer: Any, data: FitData, *, seed: int, place: int) -> Step:
        """The step between the means."""
        row = data.row(self.row)
        means = [data.rows(name, row).mean(dim=0) for name in ("retain", "forget")]
        step = self.coefficient * (means[0] - means[1])
        return Step(model, place=place, row=row, tensors={"step": step})

    @staticmethod
    def load(model: Any, folder: Path, *, place: int) -> Step:
        """The saved step."""
        return Step.open(model, folder, place=place)


class Step(Intervention):
    """An attached step."""

    TENSORS: ClassVar[tuple[str, ...]] = ("step",)

    def edited(self, rows: Tensor) -> Tensor:
        """h + step."""
        moved: Tensor = rows + self.held.step
        return moved
