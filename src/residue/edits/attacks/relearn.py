"""Relearning: train the arm a little on facts, and see whether others that it forgot come back.

What is trained on decides what is asked: `other` countries to forget than those tested (recovery of
what was never shown is not learning; Deeb and Roger 2024, arXiv 2410.08827), the `same` ones, or
only `benign` facts that were to be kept (Hu et al. 2024, arXiv 2406.13356).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from residue.core.seeds import derive
from residue.specs.arms import StepSpec
from residue.specs.fields import SpecError
from residue.specs.training import TrainSpec

if TYPE_CHECKING:
    from residue.edits.arms import OpenArm
    from residue.edits.conditions import Made, Shown


@dataclass(frozen=True)
class Attack:
    """Relearning with a LoRA adapter on top of everything, kept at several numbers of updates."""

    data: Literal["other", "same", "benign"] = "other"
    """Facts trained on, in wordings and languages of the edit data: of the forget countries that
    are set apart for this, of those that are tested, or the retain facts."""
    steps: tuple[int, ...] = (10, 60)
    """Updates after which the model is kept; each gives a condition. The last decides the cost."""
    batch: int = 16
    """Items per update."""
    learning_rate: float = 1e-3
    """Rate of AdamW, constant; a stronger attacker has a larger one."""
    rank: int = 16
    """Rank of the attacker's adapter."""

    EDITS: ClassVar[tuple[str, ...]] = ("lora",)
    OBJECTIVES: ClassVar[tuple[str, ...]] = ("likelihood",)

    def __post_init__(self) -> None:
        if not self.steps or list(self.steps) != sorted(set(self.steps)) or self.steps[0] < 1:
            raise SpecError("steps", "lists growing numbers from 1 on, such as [5, 20, 60].")
        for key in ("batch", "learning_rate", "rank"):
            if getattr(self, key) <= 0:
                raise SpecError(key, "must be above 0.")

    def conditions(self, name: str) -> Sequence[str]:
        """One per number of updates, such as ``relearn_other_20``."""
        return [f"{name}_{step}" for step in self.steps]

    def fault(self, removable: Sequence[bool]) -> str:
        """Any arm can be trained on."""
        return ""

    def update(self) -> StepSpec:
        """Its update as a step, for the plan of memory."""
        return StepSpec(
            edit={"name": "lora", "rank": self.rank},
            objective="likelihood",
            train=TrainSpec(batch={"retain": self.batch}),
        )

    def run(
        self, name: str, opened: OpenArm, shown: Shown, keep: Callable[[Made], None], *, seed: int
    ) -> None:
        """Train once; keep the arm with the adapter at each listed number of updates."""
        from residue.edits.batches import Batches, pools
        from residue.edits.conditions import Made, taught
        from residue.edits.methods.lora import Edit
        from residue.edits.objectives.likelihood import Objective
        from residue.edits.training import train

        objective: Any = Objective()
        rows = taught(shown, self.data).assign(set="retain")
        rows["prompt"] = rows["prompt"].map(opened.prompt)
        place = len(opened.arm["steps"]) + 1
        adapter = Edit(rank=self.rank, alpha=2.0 * self.rank).attach(
            opened.model, seed=derive(seed, "weights"), place=place
        )
        names = dict(zip(self.steps, self.conditions(name), strict=True))

        def after(step: int) -> None:
            if step in names:
                keep(Made(names[step], range(place - 1), edit=adapter, method="lora"))

        train(
            opened.model,
            Batches(pools(opened.tokenizer, rows), {"retain": self.batch}, derive(seed, "batches")),
            objective,
            TrainSpec(
                steps=self.steps[-1],
                learning_rate=self.learning_rate,
                schedule="constant",
                warmup=0,
                batch={"retain": self.batch},
                check_every=0,
            ),
            None,
            reference=adapter.detached,
            seed=derive(seed, "dropout"),
            after=after,
        )
        adapter.detach()
