"""Gate off: whoever holds the files leaves the removable guards out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from residue.edits.arms import OpenArm
    from residue.edits.conditions import Made, Shown


@dataclass(frozen=True)
class Attack:
    """The arm without its removable steps; steps that changed weights stay."""

    EDITS: ClassVar[tuple[str, ...]] = ()
    OBJECTIVES: ClassVar[tuple[str, ...]] = ()

    def conditions(self, name: str) -> Sequence[str]:
        """One, of the attack's own name."""
        return [name]

    def fault(self, removable: Sequence[bool]) -> str:
        """An arm of weights alone has nothing to take off."""
        return "" if any(removable) or not removable else "has no removable step to take off"

    def run(
        self, name: str, opened: OpenArm, shown: Shown, keep: Callable[[Made], None], *, seed: int
    ) -> None:
        """Keep the arm with the other steps alone."""
        from residue.edits.conditions import Made

        steps = [i for i, step in enumerate(opened.arm["steps"]) if not step["removable"]]
        keep(Made(name, steps))
