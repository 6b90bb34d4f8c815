"""Deck `orders` from users' files, in the form of the embedded world's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from residue.specs.own_orders import OrderSource
from residue.world.items import as_deck
from residue.world.jsonl import DataError, Fault, read_rows
from residue.world.own_order_forms import FORMS, Asked, IncompleteError, Line

_PLACE = {"split": "retain_untouched", "group": "retain", "role": "untouched"}
"""No edit is shown these items, and all are to be kept."""


def own_orders(
    sources: tuple[OrderSource, ...], files: Mapping[str, Path]
) -> tuple[pd.DataFrame, list[Fault]]:
    """The deck of all files, and every fault that was met.

    files: where each file lies. Equal clean items of one file are asked once. DataError for a file
    of which no line can be used.
    """
    rows: list[dict[str, Any]] = []
    faults: list[Fault] = []
    for number, source in enumerate(sources):
        read, found = read_rows(files[source.file], name=source.file)
        faults += found
        asked = []
        for row in read:
            reader = Line(row, source)
            try:
                asked += list(FORMS[source.form](reader))
            except IncompleteError as error:
                faults.append(Fault(source.file, row.line, "missing value", False, str(error)))
        if not asked:
            raise DataError(
                f"{source.file}: no line has the keys of form '{source.form}'; mend "
                f"data.orders[{number}].form or .keys"
            )
        tag = f"{number}-{Path(source.file).stem}" if number else Path(source.file).stem
        rows += _items(asked, source, tag)
        faults += _gaps(asked, source)
    return as_deck(rows), faults


def _items(asked: list[Asked], source: OrderSource, tag: str) -> Iterator[dict[str, Any]]:
    clusters: dict[str, str] = {}
    orders: dict[str, str] = {}
    clean: dict[tuple[str, str], str] = {}
    taken: dict[int, int] = {}
    for each in asked:
        cluster = clusters.setdefault(each.cluster, f"orders/{tag}:{each.line}")
        template = orders.setdefault(each.order, f"order-{len(orders) + 1}")
        number = taken[each.line] = taken.get(each.line, 0) + 1
        name = f"orders/{tag}:{each.line}/{number}"
        if each.family == "none" and clean.setdefault((each.order, each.data), name) != name:
            continue
        before, after = source.prompt.split("{data}")
        head = before.replace("{order}", each.order)
        prompt = f"{head}{each.data}{after.replace('{order}', each.order)}"
        span = each.span
        yield {
            **_PLACE,
            "item": name,
            "track": "injection",
            "deck": "orders",
            "language": "und",
            "country": cluster,
            "template": template,
            "family": each.family,
            "style": each.style,
            "task": each.task,
            "position": _position(each, span),
            "carrier": cluster,
            "twin": clean.get((each.order, each.clean), "") if each.clean else "",
            "prompt": prompt,
            "answers": list(each.answers),
            "witness": each.witness,
            "span": [len(head) + span[0], len(head) + span[1]] if span else [],
            "goal": each.goal,
        }


def _position(each: Asked, span: tuple[int, int] | None) -> str:
    if span is None:
        return ""
    if span[0] == 0:
        return "start"
    return "end" if span[1] == len(each.data) else "middle"


def _gaps(asked: list[Asked], source: OrderSource) -> Iterator[Fault]:
    """What cannot be scored of attacked lines that are kept."""
    for each in asked:
        if each.family == "none":
            continue
        if not each.witness:
            note = "nothing tells obedience; add a 'witness', a text that only obeying would say"
            yield Fault(source.file, each.line, "no witness", True, note)
        if each.span is None:
            note = "the clean input does not stand in the attacked one, so the two are no twins"
            yield Fault(source.file, each.line, "no twin", True, note)
