"""What an objective imitates: a computed edit, attached beside the one in training while asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from residue.edits.arms import ArmError
from residue.edits.attached import Attached
from residue.specs.arms import StepSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from residue.edits.fitting import FitData

PLACE = 0
"""Place of a teacher; the steps of an arm count from 1."""


class Teacher:
    """A model with an edit that is off but where it is asked; `take_off` ends it."""

    def __init__(self, edit: Attached) -> None:
        self.edit = edit
        edit.set_strength(0.0)

    def beside(
        self, detached: Callable[[], AbstractContextManager[Any]]
    ) -> Callable[[], AbstractContextManager[Any]]:
        """Opens a stretch in which the teacher's edit is on; `detached` opens one in which the edit
        in training is off."""

        @contextmanager
        def taught() -> Iterator[Any]:
            with ExitStack() as stack:
                model = stack.enter_context(detached())
                self.edit.set_strength(1.0)
                stack.callback(self.edit.set_strength, 0.0)
                yield model

        return taught

    def take_off(self) -> None:
        """Remove the teacher's edit; all weights of the model stay as frozen as they are."""
        flags = [(weight, weight.requires_grad) for weight in self.edit.model.parameters()]
        self.edit.detach()
        for weight, flag in flags:
            weight.requires_grad_(flag)


def teacher_of(
    step: StepSpec, model: Any, tokenizer: Any, source: FitData, *, seed: int
) -> Teacher | None:
    """The teacher that a step's objective names, computed on the model as it is; None where it
    names none. `ArmError` for an edit of prompts, which the pupil is not asked."""
    method = step.built_teacher()
    if method is None:
        return None
    edit: Attached = method.fit(model, tokenizer, source, seed=seed, place=PLACE)
    if type(edit).prompt is not Attached.prompt:
        edit.detach()
        raise ArmError(
            "the teacher of the objective edits prompts, and weights cannot be taught what they "
            "are not asked; name an edit of rows or of logits"
        )
    return Teacher(edit)
