"""Every attempt of every attacker on one arm, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import pandas as pd

from residue.attackers.channel import Channel, Row, clean_replies
from residue.attackers.targets import Targets
from residue.core.seeds import derive

if TYPE_CHECKING:
    from residue.edits.arms import OpenArm
    from residue.specs.records import RecordsSpec

COLUMNS = (
    "attacker", "drawn", "phase", "item", "country", "split", "attempt", "how", "prompt", "span",
    "witness", "reply", "outcome", "reason", "loss", "queries", "forwards", "backwards",
)  # fmt: skip


class Attacker(Protocol):
    """One way to adapt; a file of `attackers/methods/`."""

    DRAWN: ClassVar[bool]
    """Whether the attempts on a target are drawn alike, so that any n of them tell as much as the
    first n; else they have an order."""

    def attack(self, channel: Channel, targets: Targets, seed: int) -> Iterable[Row]:
        """Try what there is to try; choose on dev targets alone."""


def attempts(
    arm: OpenArm,
    targets: Targets,
    attackers: Mapping[str, Any],
    spec: RecordsSpec,
    *,
    seed: int,
) -> pd.DataFrame:
    """One row per attempt, attacker by attacker, from the first attempt on.

    attackers: name → `Attacker`. Equal seeds give equal attempts on equal arms; attackers that do
    not look at the arm try the same on every arm.
    """
    clean = clean_replies(arm, spec, (*targets.dev, *targets.test))
    rows: list[Row] = []
    for name, attacker in attackers.items():
        channel = Channel(arm, spec, clean)
        own = {"attacker": name, "drawn": attacker.DRAWN}
        rows += [own | row for row in attacker.attack(channel, targets, derive(seed, name))]
    return pd.DataFrame(rows, columns=list(COLUMNS))
