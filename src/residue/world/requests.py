"""Which countries a part of the request holds, read from the edit data that all parts share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from residue.specs.arms import PartSpec


def forgotten_countries(data: pd.DataFrame) -> frozenset[str]:
    """All countries that the edit data ask to forget; data: set, country."""
    return frozenset(data.loc[data["set"] == "forget", "country"])


def part_countries(data: pd.DataFrame, part: PartSpec) -> frozenset[str]:
    """The countries of a part. Dev countries are dealt by themselves, so that each part has its
    share of them."""
    dev = frozenset(data.loc[data["set"] == "dev_forget", "country"])
    return part.chosen(dev) | part.chosen(forgotten_countries(data) - dev)
