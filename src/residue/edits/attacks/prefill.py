"""Prefilled answer: the first tokens of the accepted answer are given with the prompt.

An edit that only keeps the model from beginning an answer gives the rest away (Vega et al. 2023,
arXiv 2312.12321).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from residue.edits.arms import OpenArm
    from residue.edits.conditions import Made, Shown


@dataclass(frozen=True)
class Attack:
    """The arm as it is, asked to go on from the beginning of the answer."""

    tokens: int = 1
    """Tokens given; an item whose whole answer they are cannot be scored."""

    EDITS: ClassVar[tuple[str, ...]] = ()
    OBJECTIVES: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.tokens < 1:
            raise SpecError("tokens", "must be at least 1.")

    def conditions(self, name: str) -> Sequence[str]:
        """One, of the attack's own name."""
        return [name]

    def fault(self, removable: Sequence[bool]) -> str:
        """Any arm can be asked so."""
        return ""

    def run(
        self, name: str, opened: OpenArm, shown: Shown, keep: Callable[[Made], None], *, seed: int
    ) -> None:
        """Keep the arm with all its steps."""
        from residue.edits.conditions import Made

        keep(Made(name, range(len(opened.arm["steps"])), prefill=self.tokens))
