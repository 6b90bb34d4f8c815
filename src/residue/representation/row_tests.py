"""Row by row, of one run of an arm: can the forget facts be read out, and does chance explain it.

Two groups are asked: the forget facts that the base knows, in the languages of the request, and as
a control the facts of countries in no training text, which no model can hold. Whether a row's test
may be believed is decided later, when base and oracle are at hand (`residue.report.tests`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from residue.core.seeds import derive
from residue.records.store import RowsFile
from residue.representation.readouts import Facts, dependence, read_out, swaps
from residue.specs.claims import FORGET, RETAIN
from residue.specs.tests import IndependenceSpec
from residue.stats.intervals import Floats

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "arm", "pair", "seed", "row", "group", "statistic", "p", "p_rows", "auc", "swapped_mean",
    "swapped_low", "swapped_high", "p_swapped", "n_items", "n_clusters", "reason",
)  # fmt: skip
ITEM_COLUMNS = ("arm", "pair", "seed", "row", "item", "planted", "auc")
PLACE = "last"
"""The last token of the prompt, which predicts the answer's first."""
Mask = NDArray[np.bool_]


def groups_of(facts: Facts, items: pd.DataFrame, known: set[str]) -> dict[str, tuple[Mask, Mask]]:
    """Group → (fitted, asked) masks. items: the deck; known: items whose fact the base knows.

    Countries asked are not fitted on. Where a request is for a language, every country has facts to
    keep and to forget: then of every second one, by a draw, the kept facts are fitted, and of the
    others the forget facts asked.
    """
    deck = items.set_index("item").loc[list(facts.items)]
    split = deck["split"].to_numpy(str)
    sure = np.array([item in known for item in facts.items], dtype=bool)
    forget = np.isin(split, FORGET) & deck["requested"].to_numpy(bool) & sure
    stranger = split == "never_seen"
    kept = np.isin(split, RETAIN) & sure
    both = np.intersect1d(facts.clusters[kept], facts.clusters[forget])
    dealt = sorted(both, key=lambda country: derive("readout_half", country))[::2]
    forget &= ~np.isin(facts.clusters, dealt)
    fitted = kept & ~np.isin(facts.clusters, facts.clusters[forget | stranger])
    return {"forget": (fitted, forget), "never_seen": (fitted, stranger)}


def run_tests(
    path: Path, facts: Facts, groups: Mapping[str, tuple[Mask, Mask]], spec: IndependenceSpec,
    *, arm: str, pair: int, seed: int,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:  # fmt: skip
    """Lines (`COLUMNS`) of one rows file, and the AUROC of every item (`ITEM_COLUMNS`).

    Where the arm is the oracle, signals of `spec.planted` are put into its readout as well.
    """
    file = RowsFile(path)
    vectors = {row: _rows(file, row, facts) for row in file.numbers}
    keys = {"arm": arm, "pair": pair, "seed": seed}
    lines: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for group, (fit, ask) in groups.items():
        try:
            made = [
                read_out(vectors[row], facts, fit, ask, penalty=spec.penalty)
                for row in file.numbers
            ]
            asked = facts.take(ask)
            said = [each.said for each in made]
            # One seed for all arms: they are compared under the same arrangements.
            number = derive("tests.rows", group, pair)
            tested = dependence(said, asked, permutations=spec.permutations, seed=number)
        except ValueError as error:
            lines += [_without(keys, row, group, str(error)) for row in file.numbers]
            continue
        for place, row in enumerate(file.numbers):
            control = swaps(made[place], permutations=spec.permutations, seed=number)
            lines.append(
                keys
                | {
                    "row": row, "group": group,
                    "statistic": tested.statistics[place],
                    "p": tested.p_values[place], "p_rows": tested.adjusted[place],
                    "auc": control.observed, "swapped_mean": control.mean,
                    "swapped_low": control.low, "swapped_high": control.high,
                    "p_swapped": control.p_value,
                    "n_items": tested.n_items, "n_clusters": tested.n_clusters, "reason": "",
                }
            )  # fmt: skip
            if group == "forget":
                planted = spec.planted if arm == "oracle" else ()
                for strength in (0.0, *planted):
                    each = made[place] if not strength else read_out(
                        vectors[row], facts, fit, ask, penalty=spec.penalty, planted=strength
                    )  # fmt: skip
                    found += [
                        keys | {"row": row, "item": item, "planted": strength, "auc": value}
                        for item, value in zip(asked.items, each.auc, strict=True)
                    ]
    return lines, found


def as_tables(
    lines: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lines and item values with their columns and types, also where there are none."""
    import pandas as pd

    whole = {"pair": "int64", "seed": "int64", "row": "int32"}
    counts = {"n_items": "int64", "n_clusters": "int64"}
    text = {"arm": "str", "group": "str", "reason": "str"}
    numbers = [n for n in COLUMNS if n not in {*whole, *counts, *text}]
    first = pd.DataFrame(lines, columns=list(COLUMNS))
    first = first.astype(whole | counts | text | dict.fromkeys(numbers, "float64"))
    second = pd.DataFrame(found, columns=list(ITEM_COLUMNS))
    kinds = whole | {"arm": "str", "item": "str", "planted": "float64", "auc": "float64"}
    return first, second.astype(kinds)


def _rows(file: RowsFile, row: int, facts: Facts) -> Floats:
    items, vectors = file.read(row, PLACE)
    place = {item: number for number, item in enumerate(items)}
    lost = [item for item in facts.items if item not in place]
    if lost:
        raise ValueError(f"'{lost[0]}' has no recorded rows; record the deck anew.")
    return vectors[[place[item] for item in facts.items]].astype(np.float64)


def _without(keys: Mapping[str, Any], row: int, group: str, reason: str) -> dict[str, Any]:
    gap = dict.fromkeys(
        ("statistic", "p", "p_rows", "auc", "swapped_mean", "swapped_low", "swapped_high",
         "p_swapped"), np.nan,
    )  # fmt: skip
    counts = {"n_items": 0, "n_clusters": 0, "reason": reason}
    return {**keys, "row": row, "group": group, **gap, **counts}
