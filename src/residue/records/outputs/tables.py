"""From answered items to the generations record of a deck, and the numbers that files brought."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import pandas as pd
import pyarrow as pa

from residue.records.outputs.answered import Answered
from residue.records.store import GENERATIONS
from residue.world.jsonl import DataError
from residue.world.texts import normalised

log = logging.getLogger(__name__)

VALUES = pa.schema(
    [
        pa.field("item", pa.string(), nullable=False),
        pa.field("metric", pa.string(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
    ]
)
"""Numbers that files of outputs hold themselves, by the metric of this program that they are."""
ABSENT = "the files of outputs hold no text for this item"


def spoken(found: Sequence[Answered], deck: pd.DataFrame) -> tuple[pa.Table, pa.Table]:
    """The generations of a deck's items, in its order, and the values that came with them.

    An item of the deck is found by its name, or by its prompt where that is asked once. What was
    not answered has `stop` ``absent``. `DataError` where no item of the deck is in the files.
    """
    said = _by_item(found, deck)
    if not said:
        raise DataError(
            f"{found[0].file}: none of its {len(found)} items is asked in this run; give the "
            "lines the items' names, or the prompts word for word"
        )
    if len(said) < len(deck):
        log.warning("%d of %d items have no output", len(deck) - len(said), len(deck))
    rows = [_generation(item, said.get(item)) for item in deck["item"]]
    columns = [list(column) for column in zip(*rows, strict=True)]
    values = [
        (item, metric, value)
        for item in deck["item"]
        if item in said
        for metric, value in sorted(said[item].values.items())
    ]
    told = [list(column) for column in zip(*values, strict=True)] or [[], [], []]
    return _table(columns, GENERATIONS), _table(told, VALUES)


def numbered(text: str) -> list[int]:
    """Its words by the order of their first use, in the place of token ids that nobody kept: what
    looks for repetition finds it in words."""
    order: dict[str, int] = {}
    return [order.setdefault(word, len(order)) for word in text.split()]


def _by_item(found: Iterable[Answered], deck: pd.DataFrame) -> dict[str, Answered]:
    names = set(deck["item"])
    prompts: dict[str, list[str]] = {}
    for item, prompt in zip(deck["item"], deck["prompt"], strict=True):
        prompts.setdefault(normalised(prompt), []).append(item)
    said: dict[str, Answered] = {}
    for each in found:
        alike = prompts.get(normalised(each.prompt), [])
        for name in (each.item, each.key, *(alike if len(alike) == 1 else ())):
            if name in names:
                said.setdefault(name, each)
                break
    return said


def _generation(item: str, each: Answered | None) -> tuple[str, str, list[int], str, str]:
    if each is None or each.output is None:
        return item, "", [], "absent", ABSENT
    stop = "eos" if each.output else "empty"
    return item, each.output, numbered(each.output), stop, ""


def _table(columns: Sequence[object], schema: pa.Schema) -> pa.Table:
    arrays = [pa.array(c, field.type) for c, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
