"""Soft prompt: learn the embeddings of a prompt under which other forgotten facts come back.

Schwinn et al. 2024, arXiv 2402.09063, with one prompt for all: the vectors are trained on facts of
countries that are not tested, so what they bring back on the others was there. No weight of the
model changes, so a fact that is gone cannot be learnt by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from residue.core.seeds import derive
from residue.specs.fields import SpecError
from residue.specs.training import TrainSpec

if TYPE_CHECKING:
    from residue.edits.arms import OpenArm
    from residue.edits.conditions import Made, Shown


@dataclass(frozen=True)
class Attack:
    """Learnt vectors in front of every prompt."""

    data: Literal["other", "same", "benign"] = "other"
    """Facts trained on, as for `relearn`."""
    tokens: int = 8
    """Vectors; more can say more."""
    updates: int = 100
    """Updates of the vectors; more bring back more, up to what is there."""
    batch: int = 16
    """Items per update."""
    learning_rate: float = 1e-2
    """Rate of AdamW, falling on a line."""

    EDITS: ClassVar[tuple[str, ...]] = ("soft_prompt",)
    OBJECTIVES: ClassVar[tuple[str, ...]] = ("likelihood",)

    def __post_init__(self) -> None:
        for key in ("tokens", "updates", "batch", "learning_rate"):
            if getattr(self, key) <= 0:
                raise SpecError(key, "must be above 0.")

    def conditions(self, name: str) -> Sequence[str]:
        """One, of the attack's own name."""
        return [name]

    def fault(self, removable: Sequence[bool]) -> str:
        """Any arm can be asked so."""
        return ""

    def run(
        self, name: str, opened: OpenArm, shown: Shown, keep: Callable[[Made], None], *, seed: int
    ) -> None:
        """Train the vectors on the arm as it is; keep the arm with them."""
        from residue.edits.batches import Batches, pools
        from residue.edits.conditions import Made, taught
        from residue.edits.methods.soft_prompt import Edit
        from residue.edits.objectives.likelihood import Objective
        from residue.edits.training import train

        objective: Any = Objective()
        place = len(opened.arm["steps"]) + 1
        edit = Edit(tokens=self.tokens).attach(
            opened.model, seed=derive(seed, "weights"), place=place
        )
        rows = taught(shown, self.data).assign(set="retain")
        rows["prompt"] = [edit.prompt(opened.prompt(text)) for text in rows["prompt"]]
        train(
            opened.model,
            Batches(pools(opened.tokenizer, rows), {"retain": self.batch}, derive(seed, "batches")),
            objective,
            TrainSpec(
                steps=self.updates,
                learning_rate=self.learning_rate,
                warmup=0,
                batch={"retain": self.batch},
                check_every=0,
            ),
            None,
            reference=edit.detached,
            seed=derive(seed, "dropout"),
        )
        edit.trainable(False)
        keep(Made(name, range(place - 1), edit=edit, method="soft_prompt"))
        edit.detach()
