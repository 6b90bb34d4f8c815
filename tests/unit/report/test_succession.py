"""Requests in parts: countries are dealt once and whole, and every group has the level it must."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from residue.edits.feed import rows_for
from residue.report.succession import COLUMNS, Asked, succession_table
from residue.report.succession_figure import succession
from residue.specs.arms import PartSpec, StepSpec
from residue.specs.fields import SpecError, load
from residue.specs.plan import read_config
from residue.specs.statistics import StatisticsSpec
from residue.world.requests import forgotten_countries, part_countries

NAMES = [f"F{number:02d}" for number in range(24)]
DEV = NAMES[:6]
DATA = pd.DataFrame(
    [("forget", name, "en") for name in NAMES]
    + [("dev_forget", name, "en") for name in DEV]
    + [("retain", "K01", "en"), ("dev_retain", "K02", "en")],
    columns=["set", "country", "language"],
)
FIRST, SECOND = PartSpec(of=3, take=(1,)), PartSpec(of=3, take=(2,))


def test_parts_are_a_partition_and_each_has_its_share_of_dev_countries() -> None:
    parts = [part_countries(DATA, PartSpec(of=3, take=(k,))) for k in (1, 2, 3)]
    assert [len(part) for part in parts] == [8, 8, 8]
    assert frozenset().union(*parts) == forgotten_countries(DATA) == frozenset(NAMES)
    assert [len(part & set(DEV)) for part in parts] == [2, 2, 2]
    assert part_countries(DATA, PartSpec(of=3, take=(1, 2))) == parts[0] | parts[1]


def test_a_step_is_shown_its_part_and_all_that_is_to_be_kept() -> None:
    shown = rows_for(DATA, StepSpec(forget_part=FIRST))
    part = part_countries(DATA, FIRST)
    assert set(shown.loc[shown["set"] == "forget", "country"]) == part
    assert set(shown.loc[shown["set"] == "dev_forget", "country"]) == part & set(DEV)
    assert set(shown.loc[shown["set"].isin(["retain", "dev_retain"]), "country"]) == {"K01", "K02"}
    assert rows_for(DATA, StepSpec()) is DATA


@pytest.mark.parametrize(
    ("part", "message"),
    [({"of": 1}, r"of: deals into 1"), ({"take": [4]}, "from 1 to 3"), ({"take": []}, "at least")],
)
def test_nonsense_is_refused(part: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        load(StepSpec, {"forget_part": part}, "arms.a.steps[0]")


def test_a_plan_finds_the_succession_and_the_edit_that_takes_all_at_once() -> None:
    def step(part: dict[str, Any] | None) -> list[dict[str, Any]]:
        return [{"objective": "simnpo"} | ({"forget_part": part} if part else {})]

    plan = read_config(
        {
            "arms": {
                "whole": {"steps": step(None)},
                "other": {},
                "one": {"steps": step({"take": [1]})},
                "two": {"after": "one", "steps": step({"take": [2]})},
            }
        }
    )
    found = [(each["arm"], each["after"], len(each["requests"])) for each in plan.requests()]
    assert found == [("whole", "", 0), ("one", "", 1), ("two", "one", 2)]
    assert {each["series"] for each in plan.requests()} == {"whole"}
    assert read_config({}).requests() == []


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Arm `one` forgot the first part; `two` then the second, and brought half of the first back;
    a fifth of what was never asked for is lost to `two` as well."""
    deck = pd.DataFrame(
        [(f"{n}/{k}", n, "forget_test", True) for n in NAMES for k in range(10)]
        + [(f"K{n}/{k}", f"K{n}", "retain_touched", False) for n in range(8) for k in range(10)],
        columns=["item", "country", "split", "requested"],
    ).assign(family="seen", style="plain")
    number = deck["item"].str.rpartition("/")[2].astype(int)
    first = deck["country"].isin(part_countries(DATA, FIRST))
    second = deck["country"].isin(part_countries(DATA, SECOND))
    forget = deck["split"] == "forget_test"
    level = {
        "base": pd.Series(1.0, deck.index),
        "oracle": (~forget).astype(float),
        "one": (~first).astype(float),
        "two": (number < 8).where(~first & ~second & forget, True).astype(float)
        * (~second) * (number < 5).where(first, True),
    }  # fmt: skip
    rows = [
        deck[["item"]].assign(metric="exact_answer", arm=arm, pair=0, seed=seed, condition="plain",
                              row=None, value=value, weight=1.0, status="ok", reason="")
        for arm, value in level.items()
        for seed in ((0, 1) if arm in ("one", "two") else (0,))
    ]  # fmt: skip
    arms = [Asked("one", "one", "", (FIRST,)), Asked("one", "two", "one", (FIRST, SECOND))]
    known = deck[["item"]].assign(pair=0, known=True)
    return succession_table(pd.concat(rows), deck, known, DATA, arms, StatisticsSpec())


def test_each_request_has_its_level_and_its_distance_from_base_and_oracle(table) -> None:
    assert list(table.columns) == list(COLUMNS)
    at = table.set_index(["arm", "asked", "reference"])["estimate"]
    assert at["base", "not_asked", "none"] == at["one", "not_asked", "none"] == 1.0
    assert at["oracle", "request_1", "none"] == at["one", "request_1", "none"] == 0.0
    assert at["two", "request_1", "none"] == pytest.approx(0.5)  # came back
    assert at["two", "request_1", "oracle"] == pytest.approx(0.5)
    assert at["two", "request_2", "none"] == 0.0
    assert at["two", "not_asked", "base"] == pytest.approx(-0.2)
    assert at["two", "retain_touched", "base"] == 0.0
    counts = table.set_index(["arm", "asked", "reference"])["n_clusters"]
    assert counts["two", "request_1", "none"] == counts["two", "not_asked", "none"] == 8
    shares = dict(zip(table["arm"], table["share_asked"], strict=True))
    expected = {"base": 0, "oracle": 1, "one": 1 / 3, "two": 2 / 3}
    assert shares == {arm: pytest.approx(share) for arm, share in expected.items()}


def test_the_figure_names_every_request(table) -> None:
    words = {text.get_text() for text in succession(table).findobj() if hasattr(text, "get_text")}
    assert {"asked first", "asked second", "not asked", "one: request after request"} <= words
