"""Decks, edit data and clusters from users' items, in the form of the embedded world's.

The resampling unit stands in the column `country`, whatever it is: an author, a document, a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pandas as pd

from residue.specs.data import DataSpec
from residue.world.edit_data import COLUMNS as EDIT_COLUMNS
from residue.world.items import as_deck
from residue.world.jsonl import DataError, Fault
from residue.world.own_sets import Item
from residue.world.texts import normalised

FORGOTTEN = ("forget", "dev_forget")
_KEPT = ("retain", "dev_retain")
_ROLES = {
    "dev_forget": ("dev", "forget"),
    "dev_retain": ("dev", "retain"),
    "never_seen": ("never_seen", "none"),
}
FAULT_COLUMNS = ("file", "line", "kind", "kept", "note")


def own_deck(items: list[Item], spec: DataSpec) -> pd.DataFrame:
    """Deck `facts`: every asked item in each of its wordings.

    The taught wording has family `seen`, paraphrases `held_out`. `relation` names the line, so that
    a fact (country, relation, language) is one question and its paraphrases; `task` is its kind. A
    kept item is `near_neighbour` where its cluster is also a forgotten one, `same_answer` where
    some forgotten item has an accepted answer of it.
    """
    forgotten = [item for item in items if item.set in FORGOTTEN]
    clusters = {item.cluster for item in forgotten}
    answers = {normalised(text) for item in forgotten for text in item.entry.answers}
    return as_deck(
        [
            {
                **_place(item),
                "item": f"facts/{item.set}/{item.place}/{wording}",
                "track": "forgetting",
                "deck": "facts",
                "language": item.entry.language,
                "relation": f"{item.set}/{item.place}",
                "template": wording,
                "family": "held_out" if number else "seen",
                "style": "plain",
                "requested": requested(item, spec),
                "same_answer": item.set in _KEPT
                and any(normalised(text) in answers for text in item.entry.answers),
                "near_neighbour": item.set in _KEPT and item.cluster in clusters,
                "task": item.entry.kind,
                "prompt": prompt,
                "answers": item.entry.answers,
                "distractors": item.entry.distractors,
            }
            for item in items
            if item.asked
            for number, prompt in enumerate(item.entry.prompts)
            for wording in (f"paraphrase-{number}" if number else "taught",)
        ]
    )


def own_edit_data(items: list[Item], spec: DataSpec) -> pd.DataFrame:
    """What an edit is shown, in the taught wordings alone.

    forget: the shown forget and dev_forget items in requested languages; retain: the touched ones;
    dev_forget watches its own rows of the forget set; dev_retain rows are shown in no other set.
    DataError where nothing is left to forget or to keep.
    """
    rows = pd.DataFrame(list(_rows(items, spec)), columns=list(EDIT_COLUMNS))
    for name in ("forget", "retain"):
        if not (rows["set"] == name).any():
            raise DataError(
                f"data.{name}: no item is left to show to an edit; check `use`, the part column, "
                "requested_languages, and that there are two clusters or more"
            )
    return rows


def own_clusters(items: list[Item]) -> pd.DataFrame:
    """One row per cluster and split: country, group, role, n_items."""
    frame = pd.DataFrame([_place(item) for item in items])
    counted = frame.groupby(["country", "group", "role"], sort=True).size()
    return counted.rename("n_items").reset_index()


def fault_table(faults: list[Fault]) -> pd.DataFrame:
    """One row per fault, in the order of files and lines; line 0 stands for the whole file."""
    rows = [asdict(fault) for fault in faults]
    table = pd.DataFrame(rows, columns=list(FAULT_COLUMNS))
    return table.astype(
        {"file": "str", "line": "int64", "kind": "str", "kept": bool, "note": "str"}
    )


def unused(items: list[Item], edit_data: pd.DataFrame) -> list[Fault]:
    """A fault for each item that is neither asked nor shown."""
    shown = set(edit_data["relation"])
    note = "neither asked nor shown: its part or language leaves it out"
    return [
        Fault(item.file, item.entry.line, "never used", False, note)
        for item in items
        if not item.asked and f"{item.set}/{item.place}" not in shown
    ]


def requested(item: Item, spec: DataSpec) -> bool:
    """Whether the edit is asked to forget the item in its language."""
    wanted = spec.requested_languages
    return item.set in FORGOTTEN and (not wanted or item.entry.language in wanted)


def _place(item: Item) -> dict[str, Any]:
    group, role = _ROLES.get(item.set, (item.set, item.part))
    return {"country": item.cluster, "group": group, "role": role, "split": item.split}


def _rows(items: list[Item], spec: DataSpec) -> Iterator[tuple[str, ...]]:
    for item in items:
        if item.shown and requested(item, spec):
            yield _row("forget", item)
        if item.shown and item.split == "retain_touched":
            yield _row("retain", item)
    for item in items:
        watched = item.set == "dev_retain" or (item.set == "dev_forget" and requested(item, spec))
        if watched and item.shown:
            yield _row(item.set, item)


def _row(name: str, item: Item) -> tuple[str, ...]:
    entry = item.entry
    origin = f"{item.set}/{item.place}" if name != item.set else item.place
    return (
        name,
        f"{name}/{origin}",
        entry.prompts[0],
        entry.answers[0],
        item.cluster,
        entry.language,
        f"{item.set}/{item.place}",
        entry.alternate if name == "forget" else "",
    )
