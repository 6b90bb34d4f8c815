"""Moved, not gone: what an arm's rows still say once they are mapped to where the base reads.

    W = argmin E |x_base_n - W x_arm_l - c|^2 + penalty |W|^2     (closed form, one per row)

The map is fitted on kept facts and applied to forgotten ones, of other countries. If the answer to
a forgotten fact then ranks high in the base's head, the fact was moved out of the output's reach,
not removed. Two controls tell this from what any map would give: the same map asked for another
country's answer of the same kind (`control_*`), and a map fitted on facts shuffled between
countries (`map` = `shuffled`), which can know only what answers of a kind have in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from residue.core.seeds import derive
from residue.lens.asked import AnswerIds, columns
from residue.lens.table import picked, rank_of
from residue.models.head import Array, Head

FITTED_ON, READ_ON = "retain_", "forget_"
"""Beginnings of the splits that the map is fitted and read on."""

MAPS = ("facts", "shuffled")
SCHEMA = pa.schema(
    [
        pa.field("arm", pa.string(), nullable=False),
        *(pa.field(name, pa.int64(), nullable=False) for name in ("pair", "seed")),
        *(pa.field(name, pa.string(), nullable=False) for name in ("condition", "item")),
        pa.field("row", pa.int32(), nullable=False),
        pa.field("map", pa.string(), nullable=False),
        pa.field("answer_rank", pa.int32()),
        pa.field("log_odds_foil", pa.float64()),
        pa.field("control_rank", pa.int32()),
        pa.field("control_log_odds", pa.float64()),
        pa.field("n_fit", pa.int64(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Map:
    """x -> W x + c."""

    weight: np.ndarray
    offset: np.ndarray

    def __call__(self, rows: Array) -> Array:
        """(n, width) -> (n, width) float32."""
        return np.asarray(rows @ self.weight.T + self.offset, np.float32)


def ridge(rows: Array, targets: Array, penalty: float) -> Map:
    """The ridge map of centred pairs (n, width); penalty is a share of the mean variance of `rows`.

    W' = (X'X + n penalty v I)^-1 X'Y, v = trace(X'X) / (n width).
    """
    x, y = np.asarray(rows, np.float64), np.asarray(targets, np.float64)
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    x, y = x - mean_x, y - mean_y
    gram = x.T @ x
    size = max(float(np.trace(gram)) / len(gram), np.finfo(np.float64).tiny)
    weight = np.linalg.solve(gram + penalty * size * np.eye(len(gram)), x.T @ y).T
    return Map(weight, mean_y - weight @ mean_x)


def read_moved(
    deck: pd.DataFrame,
    asked: Mapping[str, AnswerIds],
    arm_rows: Iterator[tuple[int, list[str], Array]],
    base_final: tuple[list[str], Array],
    head: Head,
    penalty: float,
    seed: int,
) -> pd.DataFrame:
    """One line per item to forget, row and map: rank of its answer in the base's head, log-odds
    against its foil, and the same of the control answer.

    arm_rows: (row, items, vectors) of the arm; base_final: items and the base's final rows; head:
    the base's. Where forgotten and kept items share countries, these are halved, and each half is
    read by the map of the other. Raises `ValueError` where there is nothing to fit or read on.
    """
    plan = _Plan.of(deck, asked, base_final[0], seed)
    final = pd.Series(range(len(base_final[0])), index=base_final[0])
    parts = []
    for row, items, vectors in arm_rows:
        place = pd.Series(range(len(items)), index=items)
        for fold in plan.folds:
            x = vectors[place[fold.fit].to_numpy()]
            paired = {"facts": fold.fit, "shuffled": fold.shuffled}
            for name in MAPS:
                y = base_final[1][final[paired[name]].to_numpy()]
                moved = ridge(x, y, penalty)(vectors[place[fold.read].to_numpy()])
                parts.append(_lines(moved, fold, plan, asked, head, row, name))
    return pd.concat(parts, ignore_index=True)


@dataclass(frozen=True)
class _Fold:
    fit: list[str]
    shuffled: list[str]
    """Items whose final rows the shuffled map takes for those of `fit`."""
    read: list[str]


@dataclass(frozen=True)
class _Plan:
    folds: tuple[_Fold, ...]
    control: dict[str, int]
    """First token of another answer of the same kind, by item; -1 where there is none."""

    @classmethod
    def of(
        cls, deck: pd.DataFrame, asked: Mapping[str, AnswerIds], recorded: Sequence[str], seed: int
    ) -> _Plan:
        deck = deck[deck["item"].isin(set(recorded))]
        answered = deck[[asked[item].answer >= 0 for item in deck["item"]]]
        fit = answered[answered["split"].str.startswith(FITTED_ON)]
        read = answered[answered["split"].str.startswith(READ_ON)]
        if fit.empty or read.empty:
            raise ValueError(
                "the deck holds no answered item of a kept split to fit a map on, or none of a "
                "forgotten split to read; name another deck under lens.deck"
            )
        rng = np.random.default_rng(derive("lens.ridge", seed))
        shared = set(fit["country"]) & set(read["country"])
        half = {c: n % 2 for n, c in enumerate(rng.permutation(sorted(shared)))}
        folds = []
        for number in (0, 1) if shared else (0,):
            mine = fit[fit["country"].map(half).fillna(1 - number) != number]
            ours = read[read["country"].map(half).fillna(0) == number]
            if len(mine) and len(ours):
                folds.append(_Fold(list(mine["item"]), _shuffled(mine, rng), list(ours["item"])))
        return cls(tuple(folds), _controls(read, asked, rng))


def _shuffled(items: pd.DataFrame, rng: np.random.Generator) -> list[str]:
    """The items' names in another order, within relation, language and wording."""
    names = items["item"].to_numpy().copy()
    kind = items["relation"] + "\x1f" + items["language"] + "\x1f" + items["template"]
    if kind.nunique() == len(kind):  # users' lines are each a relation of their own
        kind = items["language"]
    for _, index in sorted(kind.reset_index(drop=True).groupby(kind.to_numpy()).groups.items()):
        names[index] = names[rng.permutation(np.asarray(index))]
    return [str(name) for name in names]


def _controls(
    items: pd.DataFrame, asked: Mapping[str, AnswerIds], rng: np.random.Generator
) -> dict[str, int]:
    """For each item an answer, drawn from those of the same kind that differ from its own."""
    kind = items["relation"] + "\x1f" + items["language"]
    if kind.nunique() == len(kind):
        kind = items["language"]
    found = {}
    for _, group in items.groupby(kind.to_numpy(), sort=True):
        tokens = [asked[item].answer for item in group["item"]]
        for item, own in zip(group["item"], tokens, strict=True):
            others = [token for token in tokens if token != own]
            found[item] = others[int(rng.integers(len(others)))] if others else -1
    return found


def _lines(
    moved: Array,
    fold: _Fold,
    plan: _Plan,
    asked: Mapping[str, AnswerIds],
    head: Head,
    row: int,
    name: str,
) -> pd.DataFrame:
    logits = np.asarray(head.logits(moved), np.float64)
    answer, foil = columns(asked, fold.read)
    control = np.array([plan.control[item] for item in fold.read], np.int64)
    values: dict[str, Any] = {
        "item": fold.read,
        "row": np.int32(row),
        "map": name,
        "answer_rank": rank_of(logits, answer),
        "log_odds_foil": picked(logits, answer) - picked(logits, foil),
        "control_rank": rank_of(logits, control),
        "control_log_odds": picked(logits, control) - picked(logits, foil),
        "n_fit": len(fold.fit),
    }
    return pd.DataFrame(values)


def as_table(runs: Sequence[pd.DataFrame]) -> pa.Table:
    """Lines of all runs of an arm as the table that is written; null where an item has no foil or
    no other answer of its kind."""
    lines = pd.concat(runs, ignore_index=True)
    return pa.Table.from_arrays(
        [pa.array(lines[field.name], field.type, from_pandas=True) for field in SCHEMA],
        schema=SCHEMA,
    )
