"""The causal picture draws what was put there, and order rows tell an order that shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from residue.records.store import rows_schema
from residue.representation.causal_picture import design_of, picture
from residue.representation.order_rows import order_rows, pairs_of
from residue.specs.tests import GraphSpec

N = 120


def deck() -> pd.DataFrame:
    """A clean and an attacked item per country; tasks and sentences dealt at random."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(N):
        task, carrier = str(rng.integers(2)), str(rng.integers(2))
        for family in ("none", "naive"):
            rows.append(
                {
                    "item": f"{number}-{family}", "country": f"C{number}", "task": task,
                    "carrier": carrier, "family": family, "answers": ["yes"],
                    "twin": "" if family == "none" else f"{number}-none",
                    "witness": "" if family == "none" else "no",
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def test_causes_of_the_row_and_of_the_outcome_are_joined_to_them() -> None:
    items = deck()
    rng = np.random.default_rng(1)
    attacked = (items["family"] != "none").to_numpy(float)
    task = items["task"].to_numpy(float)
    rows = np.column_stack([3.0 * task, 1.5 * attacked]) + rng.normal(size=(len(items), 2))
    obeys = rows[:, 1] + 0.1 * rng.normal(size=len(items)) > 0.75
    said = pd.DataFrame({"item": items["item"], "text": np.where(obeys, "no", "yes")})
    lines = picture(
        design_of(items, said), list(items["item"]), rows, GraphSpec(resamples=3, alpha=0.01),
        keys={"arm": "x", "pair": 0, "seed": 0, "row": 1},
    )  # fmt: skip
    found = {(line["source"], line["target"]): line["found"] for line in lines}
    for ends in (("S", "R"), ("I", "R"), ("R", "O")):
        assert found[ends] == "forward"
    for ends in (("S", "D"), ("S", "I"), ("D", "R"), ("D", "O")):
        assert found[ends] == "none"
    assert {line["components"] for line in lines} == {2}


def test_what_is_attacked_more_often_is_not_joined_to_the_attack() -> None:
    """Task 1 has three attacked items to one clean, task 0 one to one; a third is never attacked in
    some countries. Drawn item by item, S and I would be dependent."""
    items = deck()
    more = items[(items["family"] != "none") & (items["task"] == "1")]
    more = pd.concat([more.assign(item=more["item"] + mark) for mark in ("a", "b")])
    clean = items[items["family"] == "none"].iloc[:60]
    alone = clean.assign(item=clean["item"] + "c", task="2")
    some = items[(items["family"] != "none")].iloc[60:]
    some = some.assign(item=some["item"] + "d", task="2")
    items = pd.concat([items, more, alone, some], ignore_index=True)
    rows = np.random.default_rng(3).normal(size=(len(items), 2))
    said = pd.DataFrame({"item": items["item"], "text": "yes"})
    lines = picture(
        design_of(items, said), list(items["item"]), rows, GraphSpec(resamples=30, alpha=0.01),
        keys={"arm": "x", "pair": 0, "seed": 0, "row": 1},
    )  # fmt: skip
    (joined,) = [line for line in lines if (line["source"], line["target"]) == ("S", "I")]
    assert joined["found"] == "none"
    assert joined["adjacent"] < 0.2
    assert joined["n_clusters"] == N


def test_a_row_that_shows_the_order_is_told_and_one_of_noise_is_not(tmp_path: Path) -> None:
    items = deck()
    rng = np.random.default_rng(2)
    shown = (items["family"] != "none").to_numpy(np.float32)
    noise = rng.normal(size=(2, len(items), 3)).astype(np.float32)
    noise[1, :, 0] += 4.0 * shown
    vectors = [pa.FixedSizeListArray.from_arrays(each.ravel(), 3) for each in noise]
    columns = [items["item"].tolist(), ["last"] * len(items), *vectors]
    pq.write_table(pa.table(columns, schema=rows_schema(2, 3)), tmp_path / "rows.parquet")
    blind, tells = order_rows(tmp_path / "rows.parquet", pairs_of(items), arm="x", pair=0, seed=0)
    assert blind["p"] > 0.01
    assert tells["p"] < 1e-6
    assert abs(blind["auc"] - 0.5) < 0.15
    assert tells["auc"] > 0.95
