"""Config section `implant`: teach a given model the world's countries, so that something is known
about what it knows. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from residue.specs.fields import SpecError


@dataclass(frozen=True)
class ImplantSpec:
    """Fine-tuning of a given model on the world's text. Base and oracle are made by the same steps
    from the same seed; the oracle's text lacks what is to be forgotten."""

    teach: bool = False
    """Whether the base is the given model after this fine-tuning, with an oracle beside it; else
    it is the given model itself."""

    countries: Literal["invented", "real"] = "invented"
    """`invented` takes countries that no model can know, in place of the fact table's. Of `real`
    ones the given model may know some already, and then the oracle does too."""

    rank: int = 32
    """Rank of the LoRA update that is merged into the weights; more holds more facts."""

    steps: int = 600
    """Updates. Too few leave facts untaught, which then count for nothing on the page."""

    documents: int = 32
    """Documents of one update; the text is that of the embedded world's pretraining."""

    learning_rate: float = 5e-4
    """Highest rate of AdamW; it falls on a line to a tenth."""

    warmup: int = 20
    """Updates over which the rate rises."""

    def __post_init__(self) -> None:
        for name in ("rank", "steps", "documents"):
            if getattr(self, name) < 1:
                raise SpecError(name, "must be at least 1.")
        if self.learning_rate <= 0:
            raise SpecError("learning_rate", "must be above 0.")
        if not 0 <= self.warmup < self.steps:
            raise SpecError("warmup", f"must lie between 0 and steps ({self.steps}).")
