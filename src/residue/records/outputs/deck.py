"""A deck from what models were asked, where their files of outputs are all there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from residue.records.outputs.answered import Answered
from residue.world.items import as_deck
from residue.world.jsonl import DataError

PLACES = {
    "forget": ("forget", "test", "forget_test"),
    "retain": ("retain", "untouched", "retain_untouched"),
    "dev_forget": ("dev", "forget", "dev_forget"),
    "dev_retain": ("dev", "retain", "dev_retain"),
    "never_seen": ("never_seen", "none", "never_seen"),
}
"""Set → group, role and split. Which kept items an edit rehearsed is not known: none counts as."""


def asked_deck(found: Sequence[Answered]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Deck `facts` of every item in any file, each once, and its clusters.

    The first file that holds an item's text gives it. `DataError` names a line without a set.
    """
    items: dict[str, Answered] = {}
    for each in found:
        if each.set not in PLACES:
            raise DataError(
                f"{each.file}, line {each.line}: names no set ('{each.set}'); write `set: forget` "
                f"or another of {', '.join(PLACES)} beside the file, or into every line"
            )
        known = items.get(each.item)
        if known is None or (not known.answers and each.answers):
            items[each.item] = each
    deck = as_deck([_row(name, each) for name, each in sorted(items.items())])
    places = deck.groupby(["country", "group", "role"], sort=True).size()
    return deck, places.rename("n_items").reset_index()


def _row(name: str, each: Answered) -> dict[str, Any]:
    group, role, split = PLACES[each.set]
    return {
        "item": name,
        "track": "forgetting",
        "deck": "facts",
        "split": split,
        "group": group,
        "role": role,
        "country": each.cluster or name.removeprefix("facts/"),
        "language": each.language,
        "relation": name.removeprefix("facts/"),
        "template": "as_asked",
        "family": "seen",
        "style": "plain",
        "requested": each.set in ("forget", "dev_forget"),
        "task": each.kind,
        "prompt": each.prompt,
        "answers": list(each.answers),
    }
