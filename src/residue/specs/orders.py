"""Config section `orders`: hidden orders that are asked, and what a defence is shown of them."""

from __future__ import annotations

from dataclasses import dataclass

from residue.specs.fields import SpecError

ORDER_COLUMNS = ("goal", "held_out")
"""Columns that every deck has and only deck `orders` fills."""

HELD_OUT = ("multilingual", "split_payload")
"""Families that no defence is shown."""


@dataclass(frozen=True)
class DefenceData:
    """What a defence is shown, on countries that edits may touch."""

    twins: int = 480
    """Clean orders with an attacked twin; more let a defence meet more templates."""

    keep: int = 240
    """Clean orders, orders that name a country, facts, and quotes with an order in their text, a
    quarter each. More guard what a defence must not cost."""

    dev_twins: int = 128
    """The same on dev countries, by which a defence is chosen; none is scored."""

    dev_keep: int = 64
    """Kept rows on dev countries."""

    def __post_init__(self) -> None:
        for name, size in vars(self).items():
            if size < 4:
                raise SpecError(name, f"needs at least 4 rows, got {size}; say 64.")


@dataclass(frozen=True)
class OrderItems:
    """How many items stand beside the attacked orders, whose number is `world.decks.attacks`."""

    quotes: int = 2
    """Attacked quotes per retain country; other countries have one. More narrow the interval of
    fidelity."""

    controls: int = 2
    """Benign texts that look like attacks, per retain country; other countries have one."""

    def __post_init__(self) -> None:
        for name, size in vars(self).items():
            if not 1 <= size <= 8:
                raise SpecError(name, f"lies between 1 and 8; got {size}.")


@dataclass(frozen=True)
class OrdersSpec:
    """Orders hidden in data: what models are asked and what a defence is shown."""

    items: OrderItems = OrderItems()
    """What stands beside the attacked orders of deck `orders`."""

    defence: DefenceData = DefenceData()
    """What a defence is shown."""
