"""Estimates from hand-made measurements equal numbers worked out by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from report_tables import item_table, measurement_table
from scipy import stats

from residue.core.provenance import canonical
from residue.report.estimates import COLUMNS, estimates
from residue.specs.claims import EstimandSpec
from residue.specs.default_estimands import default_estimands
from residue.specs.fields import SpecError, listed, load, unlisted
from residue.specs.statistics import StatisticsSpec
from residue.stats.attainability import attainable_margin

SPEC = StatisticsSpec()


def items_of(rows: Sequence[tuple[str, str, str]]) -> pd.DataFrame:
    """Items from (item, country, split)."""
    table = pd.DataFrame(rows, columns=["item", "country", "split"])
    table["requested"] = table["item"].str.endswith("en")
    return table


def measured(arm: str, values: dict[str, float], **more: Any) -> pd.DataFrame:
    row = {"metric": "exact_answer", "arm": arm, "pair": 0, "seed": 0, "condition": "plain",
           "row": None, "weight": 1.0, "status": "ok", "reason": "", **more}  # fmt: skip
    return pd.DataFrame([{**row, "item": item, "value": value} for item, value in values.items()])


def all_known(items: pd.DataFrame, pairs: Sequence[int] = (0,)) -> pd.DataFrame:
    return pd.concat(
        [pd.DataFrame({"pair": p, "item": items["item"], "known": True}) for p in pairs]
    )


ITEMS = items_of(
    [
        ("a-en", "A", "x"),
        ("a-hi", "A", "x"),
        ("b-en", "B", "x"),
        ("c-en", "C", "x"),
        ("d-en", "D", "y"),
    ]
)
BASE = {"a-en": 1.0, "a-hi": 0.5, "b-en": 1.0, "c-en": 0.75, "d-en": 1.0}
EDIT = {"a-en": 0.25, "a-hi": 0.0, "b-en": 0.5, "c-en": 0.0, "d-en": 1.0}


def one(table: pd.DataFrame, arm: str, **where: Any) -> pd.Series:
    for column, value in {"arm": arm, **where}.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_level_and_paired_difference_by_hand() -> None:
    table = estimates(
        pd.concat([measured("base", BASE), measured("npo", EDIT)]),
        ITEMS,
        all_known(ITEMS),
        {
            "level": EstimandSpec(where={"split": ("x",)}, statistic="mean"),
            "drop": EstimandSpec(where={"split": ("x",)}, statistic="mean", reference="base"),
        },
        SPEC,
    )
    assert list(table.columns) == list(COLUMNS)
    level = one(table, "npo", estimand="level")
    assert level["estimate"] == pytest.approx(((0.25 + 0) / 2 + 0.5 + 0) / 3)
    assert (level["n_items"], level["n_clusters"], level["n_seeds"]) == (4, 3, 1)
    drop = one(table, "npo", estimand="drop")
    # Countries of 2, 1 and 1 items count alike.
    countries = np.array([(-0.75 - 0.5) / 2, -0.5, -0.75])
    assert drop["estimate"] == pytest.approx(countries.mean())
    error = countries.std(ddof=1) / math.sqrt(3)
    assert drop["high"] - drop["estimate"] == pytest.approx(stats.t.ppf(0.975, 2) * error)
    assert "base" not in set(table.loc[table["estimand"] == "drop", "arm"])


def test_every_seed_keeps_its_own_point_and_the_single_reference_serves_all() -> None:
    parts = [measured("base", BASE)]
    for seed, shift in enumerate((0.0, 0.25, 0.5)):
        values = {item: min(1.0, value + shift) for item, value in EDIT.items()}
        parts.append(measured("npo", values, seed=seed))
    spec = EstimandSpec(where={"split": ("x",)}, reference="base")
    table = estimates(pd.concat(parts), ITEMS, all_known(ITEMS), {"drop": spec}, SPEC)
    row = one(table, "npo")
    assert row["seed_values"] == pytest.approx([-0.625, -0.375, -0.125])
    assert row["estimate"] == pytest.approx(-0.375)
    assert row["n_seeds"] == 3


def test_only_facts_that_the_base_of_the_same_pair_knows_count() -> None:
    known = all_known(ITEMS, pairs=(0, 1))
    known.loc[(known["pair"] == 0) & (known["item"] == "a-hi"), "known"] = False
    known.loc[(known["pair"] == 1) & (known["item"] != "b-en"), "known"] = False
    both = pd.concat([measured("base", BASE), measured("base", BASE, pair=1)])
    for pair, expected, n in ((0, np.mean([1, 1, 0.75]), 3), (1, 1.0, 1)):
        spec = {"level": EstimandSpec(where={"split": ("x",)})}
        table = estimates(both[both["pair"] == pair], ITEMS, known, spec, SPEC)
        assert one(table, "base")["estimate"] == pytest.approx(expected)
        assert one(table, "base")["n_items"] == n
    free = {"level": EstimandSpec(where={"split": ("x",)}, only_known=False)}
    assert one(estimates(measured("base", BASE), ITEMS, known, free, SPEC), "base")["n_items"] == 4


def test_bases_of_two_pairs_may_know_different_facts() -> None:
    known = all_known(ITEMS, pairs=(0, 1))
    known.loc[(known["pair"] == 0) & (known["item"] == "a-hi"), "known"] = False
    known.loc[(known["pair"] == 1) & (known["item"] == "b-en"), "known"] = False
    known.loc[known["item"] == "c-en", "known"] = False
    parts = [measured("base", BASE, pair=pair) for pair in (0, 1)]
    for pair, drop in ((0, 0.25), (1, 0.5)):
        lower = {item: value - drop for item, value in BASE.items()}
        parts += [measured("npo", lower, pair=pair, seed=seed) for seed in (0, 1)]
    spec = {"drop": EstimandSpec(where={"split": ("x",)}, reference="base")}
    row = one(estimates(pd.concat(parts), ITEMS, known, spec, SPEC), "npo")
    # Country A in both pairs, B in the first alone, C in neither.
    assert row["estimate"] == pytest.approx(-(0.375 + 0.25) / 2)
    assert row["seed_values"] == pytest.approx([-0.25, -0.25, -0.5, -0.5])
    assert (row["n_items"], row["n_clusters"], row["n_pairs"]) == (3, 2, 2)
    assert row["n_unscorable"] == 4
    assert "4 of them are facts that the base of their pair does not know" in row["note"]


def test_two_pairs_without_a_difference_end_at_the_attainable_margin() -> None:
    items = items_of([(f"{k}-{n}", f"C{k}", "x") for k in range(12) for n in range(1 + k % 3)])
    values = dict.fromkeys(items["item"], 1.0)
    known = all_known(items, pairs=(0, 1))
    known["known"] = np.random.default_rng(0).random(len(known)) < 0.6
    parts = [measured(arm, values, pair=p) for arm in ("base", "npo") for p in (0, 1)]
    spec = {"drop": EstimandSpec(reference="base")}
    row = one(estimates(pd.concat(parts), items, known, spec, SPEC), "npo")
    assert row["n_unscorable"] > 0
    bound = attainable_margin(row["n_clusters"])
    assert (row["low"], row["high"]) == pytest.approx((-bound, bound), abs=1e-9)


def test_where_and_slice_pick_the_rows_behind_a_number() -> None:
    items = item_table()
    measurements, known = measurement_table(items), all_known(items)
    known["known"] = np.random.default_rng(1).random(len(known)) < 0.8
    spec = default_estimands()["forget_by_language"]
    table = estimates(measurements, items, known, {"e": spec}, SPEC)
    assert set(table["where"]) == {
        "family=seen, style=plain, split=forget_test|forget_relearn, known=true"
    }
    row = one(table, "npo", slice="language=hi")
    rows = measurements[measurements["arm"] == "npo"].merge(items, on="item")
    rows = rows.merge(known, on=["pair", "item"])
    for condition in [*row["where"].split(", "), row["slice"]]:
        column, _, kept = condition.partition("=")
        rows = rows[rows[column].astype(str).str.lower().isin(kept.split("|"))]
    assert rows["item"].nunique() == row["n_items"]
    assert rows.groupby("country")["value"].mean().mean() == pytest.approx(row["estimate"])


def test_estimands_come_in_the_order_of_the_config() -> None:
    chosen = {name: EstimandSpec() for name in ("zebra", "ant", "mule")}
    read = json.loads(canonical(listed(chosen)))
    loaded = {name: load(EstimandSpec, keys, name) for name, keys in unlisted(read)}
    assert loaded == chosen
    table = estimates(measured("base", BASE), ITEMS, all_known(ITEMS), loaded, SPEC)
    assert list(table["estimand"]) == ["zebra", "ant", "mule"]


def test_slices_partition_the_items() -> None:
    spec = {"by": EstimandSpec(by=("split", "requested"))}
    table = estimates(measured("base", BASE), ITEMS, all_known(ITEMS), spec, SPEC)
    means = table.set_index("slice")["estimate"].to_dict()
    assert means == pytest.approx(
        {
            "split=x,requested=true": np.mean([1.0, 1.0, 0.75]),
            "split=x,requested=false": 0.5,
            "split=y,requested=true": 1.0,
        }
    )
    assert table["n_items"].sum() == len(ITEMS)


def test_perplexity_is_the_exponential_of_the_token_weighted_mean() -> None:
    rows = measured("base", {"a-en": 1.0, "b-en": 3.0}, metric="perplexity")
    rows["weight"] = [3.0, 1.0]
    items = ITEMS[ITEMS["item"].isin(["a-en", "b-en"])]
    spec = {"ppl": EstimandSpec(metric="perplexity", statistic="perplexity")}
    table = estimates(rows, items, all_known(items), spec, SPEC)
    assert one(table, "base")["estimate"] == pytest.approx(math.exp((3 * 1 + 3) / 4))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (EstimandSpec(where={"split": ("nowhere",)}), "no item matches split=nowhere"),
        (EstimandSpec(metric="unheard_of"), "'unheard_of' was not measured"),
        (EstimandSpec(reference="oracle"), "no oracle to compare with"),
    ],
)
def test_what_cannot_be_estimated_is_a_row_that_says_why(spec: EstimandSpec, words: str) -> None:
    table = estimates(measured("base", BASE), ITEMS, all_known(ITEMS), {"e": spec}, SPEC)
    row = one(table, "base")
    assert math.isnan(row["estimate"])
    assert math.isnan(row["low"])
    assert row["n_items"] == 0
    assert words in row["note"]


def test_facts_unknown_to_the_base_leave_a_marked_row() -> None:
    known = all_known(ITEMS).assign(known=False)
    table = estimates(measured("base", BASE), ITEMS, known, {"e": EstimandSpec()}, SPEC)
    assert "knows none" in one(table, "base")["note"]


def test_unknown_column_is_named_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match=r"estimands\.e\.where: .*'colour'.*country"):
        estimates(measured("base", BASE), ITEMS, all_known(ITEMS),
                  {"e": EstimandSpec(where={"colour": ("red",)})}, SPEC)  # fmt: skip


def test_order_of_rows_changes_nothing() -> None:
    items = item_table()
    table = measurement_table(items)
    chosen = {name: default_estimands()[name] for name in ("forget_vs_oracle", "retain_by_split")}
    first = estimates(table, items, all_known(items), chosen, SPEC)
    mixed = estimates(
        table.sort_values(["item", "seed"], ascending=False, kind="stable").sort_values(
            "arm", key=lambda arm: arm.map({"base": 0, "oracle": 1, "npo": 2}), kind="stable"
        ),
        items.sample(frac=1.0, random_state=1).sort_values("split", kind="stable"),
        all_known(items),
        chosen,
        SPEC,
    )
    keys = ["estimand", "arm", "slice"]
    pd.testing.assert_frame_equal(
        first.sort_values(keys, ignore_index=True), mixed.sort_values(keys, ignore_index=True)
    )


def test_default_estimands_find_their_items() -> None:
    items = item_table()
    table = estimates(
        measurement_table(items), items, all_known(items), default_estimands(), SPEC
    ).set_index(["estimand", "arm", "slice"])
    assert table.loc[("forget", "npo", ""), "n_items"] == 12 * 2 * 2
    assert table.loc[("leak", "npo", ""), "n_items"] == 12 * 2 * 3
    assert table.loc[("retain", "npo", ""), "n_items"] == 24 * 2 * 5
    assert table.loc[("forget_held_out", "npo", ""), "n_items"] == 12 * 2 * 2
    assert table.loc[("never_seen", "base", ""), "n_clusters"] == 6
    languages = [
        cell for name, arm, cell in table.index if (name, arm) == ("forget_by_language", "npo")
    ]
    assert languages == [f"language={code}" for code in ("en", "hi", "ur", "pa", "bn")]


def test_two_groups_of_items_and_two_models_as_wholes() -> None:
    """AUC: x against y; the second group needs no known facts. KS: the edit against the base."""
    known = all_known(ITEMS)
    known.loc[known["item"] == "d-en", "known"] = False
    table = estimates(
        pd.concat([measured("base", BASE), measured("npo", EDIT)]),
        ITEMS,
        known,
        {
            "auc": EstimandSpec(
                statistic="auc", where={"split": ("x",)}, against={"split": ("y",)}
            ),
            "gap": EstimandSpec(
                statistic="auc",
                where={"split": ("x",)},
                against={"split": ("y",)},
                reference="base",
            ),
            "ks": EstimandSpec(statistic="ks", where={"split": ("x",)}, reference="base"),
            "none": EstimandSpec(
                statistic="auc", where={"split": ("x",)}, against={"split": ("z",)}
            ),
        },
        SPEC,
    )
    base = one(table, "base", estimand="auc")
    # Country A: ties with d count half, and half of its items are below; B ties; C is below.
    assert base["estimate"] == pytest.approx((0.25 + 0.5 + 0.0) / 3)
    assert (base["n_items"], base["n_clusters"]) == (4, 3)
    assert base["where"] == "split=x, known=true against split=y"
    assert base["low"] <= base["estimate"] <= base["high"]
    npo = one(table, "npo", estimand="auc")
    assert npo["estimate"] == 0.0
    gap = one(table, "npo", estimand="gap")
    assert gap["estimate"] == pytest.approx(npo["estimate"] - base["estimate"])
    # At 0.5 all of the edit lies below, and of the base half of A.
    assert one(table, "npo", estimand="ks")["estimate"] == pytest.approx(2.5 / 3)
    missing = one(table, "npo", estimand="none")
    assert np.isnan(missing["estimate"])
    assert missing["note"] == "no item matches the group to compare with"


def test_groups_of_one_item_are_no_groups() -> None:
    spec = EstimandSpec(statistic="auc", where={"split": ("x",)}, against={"country": ("A",)})
    with pytest.raises(ValueError, match="share items"):
        estimates(measured("base", BASE), ITEMS, all_known(ITEMS), {"auc": spec}, SPEC)


def test_statistics_of_groups_need_their_groups() -> None:
    for wrong in (
        {"statistic": "auc"},
        {"against": {"split": ("x",)}},
        {"statistic": "ks"},
        {"statistic": "auc", "against": {"split": ()}},
        {"itemwise": True, "reference": "base"},
    ):
        with pytest.raises(SpecError, match="against|reference|itemwise"):
            EstimandSpec(**wrong)  # type: ignore[arg-type]


def test_an_estimand_by_row_has_a_slice_for_each_row_that_was_measured() -> None:
    rows = pd.concat(
        [
            measured("base", {item: value + 0.1 * row for item, value in EDIT.items()}, row=row)
            for row in (2, 10)
        ]
    ).astype({"row": "Int32"})
    spec = EstimandSpec(where={"split": ("x",)}, by=("requested", "row"), statistic="mean")
    made = estimates(rows, ITEMS, all_known(ITEMS), {"e": spec}, StatisticsSpec())
    assert sorted(made["slice"]) == [
        "requested=false,row=10", "requested=false,row=2",
        "requested=true,row=10", "requested=true,row=2",
    ]  # fmt: skip
    assert one(made, "base", slice="requested=true,row=2")["estimate"] == pytest.approx(0.45)


def test_levels_of_other_decks_are_no_slices() -> None:
    """Items of two decks share a column; a metric of one deck has slices of that deck alone."""
    items = pd.DataFrame(
        {
            "item": ["f1", "f2", "o1", "o2"],
            "country": ["A", "B", "A", "B"],
            "family": ["seen", "seen", "naive", "override"],
        }
    )
    measured = pd.DataFrame(
        {
            "metric": "orders_obeyed", "arm": "base", "pair": 0, "seed": 0, "condition": "plain",
            "item": ["o1", "o2"], "row": pd.NA, "value": [1.0, 0.0], "weight": 1.0, "status": "ok",
            "reason": "",
        }
    )  # fmt: skip
    spec = EstimandSpec(metric="orders_obeyed", by=("family",), only_known=False)
    known = pd.DataFrame({"pair": [0], "item": ["f1"], "known": [True]})
    made = estimates(measured, items, known, {"obeyed": spec}, StatisticsSpec())
    assert list(made["slice"]) == ["family=naive", "family=override"]
