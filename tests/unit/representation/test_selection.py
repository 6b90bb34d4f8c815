"""The chosen rows are the planted ones, from dev items alone, and every gap has its reason."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from residue.representation import scores
from residue.representation.parallel import NotParallelError, parallel
from residue.representation.scores import Setting, combined, halves
from residue.representation.selection import COLUMNS, choose, score_rows
from residue.specs.fields import SpecError
from residue.specs.representation import RepresentationSpec


@pytest.fixture(autouse=True)
def _few_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probes have tests of their own; their permutations are most of the time."""
    monkeypatch.setattr(scores, "PROBE_PERMUTATIONS", 1)


LANGUAGES = ("en", "hi", "ur")
QUICK: dict[str, Any] = {"permutations": 19, "resamples": 10}


def deck(countries: int = 12) -> pd.DataFrame:
    rows = []
    for number, relation, language, wording in itertools.product(
        range(countries), ("capital", "currency"), LANGUAGES, ("seen", "held_out")
    ):
        split = "dev_forget" if number % 2 else "dev_retain"
        rows.append((f"C{number:02}", relation, language, wording, split))
    frame = pd.DataFrame(rows, columns=["country", "relation", "language", "family", "split"])
    other = frame[frame["country"] == "C00"].assign(country="X", split="forget_test")
    frame = pd.concat([frame, other], ignore_index=True)
    frame["template"] = frame["language"] + "-" + frame["family"] + "-1"
    frame["style"] = "plain"
    frame["item"] = [f"i{number}" for number in range(len(frame))]
    return frame


class Rows:
    """A rows record of 5 rows in which facts are shared by languages in proportion to `shared`."""

    numbers = [0, 1, 2, 3, 4]

    def __init__(self, items: pd.DataFrame, shared: dict[int, float], broken: int = -1) -> None:
        self.items, self.shared, self.broken = items, shared, broken

    def read(self, row: int, place: str) -> tuple[list[str], np.ndarray]:
        assert place == "last"
        rng = np.random.default_rng(row)
        facts = {
            fact: rng.normal(size=8)
            for fact in itertools.product(
                sorted(set(self.items["country"])), ("capital", "currency")
            )
        }
        kept = self.items.sample(frac=1.0, random_state=row)  # a record is in no order
        values = rng.normal(size=(len(kept), 8))
        for place_, fact in enumerate(zip(kept["country"], kept["relation"], strict=True)):
            values[place_] += self.shared.get(row, 0.0) * facts[fact]
            if fact[0] == "X":
                values[place_] = np.nan  # no other split may be read
        if row == self.broken:
            values[kept["country"].to_numpy() == "C03", 2] = np.inf
        return list(kept["item"]), values.astype(np.float32)


def scored(spec: RepresentationSpec, rows: Rows, items: pd.DataFrame) -> pd.DataFrame:
    return score_rows(rows, items, spec, requested=("en", "hi"), pair=0)  # type: ignore[arg-type]


def test_the_planted_row_is_chosen_and_the_reverse_where_that_is_asked() -> None:
    items = deck()
    rows = Rows(items, {1: 0.5, 2: 3.0, 3: 0.5})
    spec = RepresentationSpec(**QUICK)
    table = scored(spec, rows, items)
    assert list(table.columns) == list(COLUMNS)
    assert set(table["status"]) == {"ok"}
    assert set(table["n_clusters"]) == {12}
    assert set(table["n_items"]) == {12 * 2 * 3 * 2}
    found = choose(table, rows.numbers, spec)
    assert found["rows"] == [2]
    value = table.set_index(["metric", "row"])["value"]
    assert value["votes", 2] == 1.0
    assert value["cka", 2] > 0.8
    assert abs(value["cka", 0]) < 0.3
    p = table.set_index(["metric", "row"])["p"]
    assert p["cka", 2] == pytest.approx(0.05)
    reverse = RepresentationSpec(score="contrast", select=2, **QUICK)
    assert 2 not in choose(scored(reverse, rows, items), rows.numbers, reverse)["rows"]


def test_the_null_mean_of_cka_is_nothing_although_countries_answer_two_relations() -> None:
    items = deck()
    table = scored(RepresentationSpec(**QUICK), Rows(items, {2: 3.0}), items)
    null = table[table["metric"] == "cka"].set_index("row")["null_mean"]
    assert null.abs().max() < 0.1


def test_the_same_scores_come_again_and_the_pair_draws_others() -> None:
    items = deck(8)
    rows, spec = Rows(items, {2: 1.0}), RepresentationSpec(**QUICK)
    first = scored(spec, rows, items)
    pd.testing.assert_frame_equal(first, scored(spec, rows, items))
    other = score_rows(rows, items, spec, requested=("en", "hi"), pair=1)  # type: ignore[arg-type]
    assert not first["p"].equals(other["p"])
    assert first["value"][first["metric"] == "cka"].equals(other["value"][other["metric"] == "cka"])


def test_a_row_that_is_not_finite_fails_and_is_never_chosen() -> None:
    items = deck()
    rows, spec = Rows(items, {2: 3.0}, broken=2), RepresentationSpec(**QUICK)
    table = scored(spec, rows, items)
    line = table[table["row"] == 2]
    assert list(line["status"]) == ["failed"]
    assert "2 of 24 facts" in line["reason"].iloc[0]
    assert choose(table, rows.numbers, spec)["rows"] != [2]
    fixed = RepresentationSpec(mode="fixed", rows=(2,), **QUICK)
    with pytest.raises(ValueError, match="row 2 cannot be used: 2 of 24 facts"):
        choose(table, rows.numbers, fixed)
    every = RepresentationSpec(select=3, **QUICK)
    with pytest.raises(ValueError, match="only 2 of 3 rows could be scored"):
        choose(table, rows.numbers, every)


def test_items_in_one_language_leave_an_even_spread_that_says_so() -> None:
    items = deck()
    alone = items[items["language"] == "en"]
    spec = RepresentationSpec(select=1, **QUICK)
    table = scored(spec, Rows(alone, {}), alone)
    assert set(table["status"]) == {"unscorable"}
    choice = choose(table, Rows.numbers, spec)
    assert choice["rows"] == [2]
    assert "in one language, en" in choice["reason"]
    three = RepresentationSpec(select=3, **QUICK)
    assert choose(table, Rows.numbers, three)["rows"] == [1, 2, 3]


def test_too_few_countries_are_ranked_by_their_score_alone() -> None:
    items = deck(6)
    rows, spec = Rows(items, {3: 4.0}), RepresentationSpec(**QUICK)
    table = scored(spec, rows, items)
    votes = table[table["metric"] == "votes"]
    assert set(votes["status"]) == {"unscorable"}
    assert choose(table, rows.numbers, spec)["rows"] == [3]


def test_fixed_rows_are_taken_and_must_exist() -> None:
    items = deck()
    rows = Rows(items, {2: 3.0})
    fixed = RepresentationSpec(mode="fixed", rows=(4, 0), select=2, **QUICK)
    assert choose(scored(fixed, rows, items), rows.numbers, fixed)["rows"] == [0, 4]
    with pytest.raises(ValueError, match="no row 9; it has 0 to 4"):
        scored(RepresentationSpec(rows=(9,), **QUICK), rows, items)
    with pytest.raises(ValueError, match="cannot be chosen"):
        scored(RepresentationSpec(select=4, **QUICK), rows, items)


def test_facts_are_aligned_by_country_relation_and_wording() -> None:
    items = deck(4)
    extra = items.iloc[[0]].assign(item="more", template="zz")  # a wording only one fact has
    facts = parallel(pd.concat([items, extra], ignore_index=True).sample(frac=1, random_state=0))
    assert facts.countries == ("C00", "C01", "C02", "C03")
    assert facts.forgotten == (False, True, False, True)
    of = items.set_index("item")
    for language, of_language in zip(facts.languages, facts.items, strict=True):
        for relation, of_relation in zip(facts.relations, of_language, strict=True):
            for country, cell in zip(facts.countries, of_relation, strict=True):
                assert [of["family"][item] for item in cell] == ["held_out", "seen"]
                for item in cell:
                    line = of.loc[item]
                    assert (line["language"], line["relation"]) == (language, relation)
                    assert line["country"] == country
    lacking = items[~((items["country"] == "C01") & (items["language"] == "ur"))]
    assert parallel(lacking).countries == ("C00", "C02", "C03")
    with pytest.raises(NotParallelError, match="no dev items"):
        parallel(items[items["split"] == "forget_test"])


def test_lost_records_are_named() -> None:
    items = deck(4)
    with pytest.raises(ValueError, match="have no recorded rows"):
        parallel(items).vectors(["i0"], np.zeros((1, 3), np.float32))


def test_semantic_compares_target_and_reference_and_needs_a_neighbour() -> None:
    facts = parallel(deck(4))
    spec = RepresentationSpec(score="semantic")
    setting = Setting.of(facts, spec, ("hi",))
    assert setting.target == ("hi",)
    assert setting.neighbour == ("ur",)
    assert [{facts.languages[a], facts.languages[b]} for a, b in setting.pairs] == [{"en", "hi"}]
    with pytest.raises(ValueError, match="neighbour language"):
        Setting.of(facts, spec, ("hi", "ur"))
    items = deck()
    table = scored(RepresentationSpec(score="semantic", **QUICK), Rows(items, {2: 2.0}), items)
    assert {"language_probe", "language_contrast", "forget_probe"} <= set(table["metric"])


def test_combinations_have_their_weights() -> None:
    excess = {"cka": 0.5, "procrustes": 0.25, "anc": 0.1}
    assert combined(excess, 0.0, "similarity") == pytest.approx(0.2 + 0.1 + 0.02)
    assert combined(excess, 0.0, "contrast") == pytest.approx(0.2 + 0.3 + 0.18)
    assert combined(excess, 0.5, "semantic") == pytest.approx(0.3 + 0.1 + 0.15)


def test_halves_are_halves() -> None:
    for part in halves(9, 20, 0):
        assert len(set(part.tolist())) == 4


def test_a_setting_that_cannot_work_is_refused_at_once() -> None:
    for wrong, key in [
        ({"select": 0}, "select"),
        ({"rows": (1, 1)}, "rows"),
        ({"rows": (-1,)}, "rows"),
        ({"mode": "fixed"}, "rows"),
        ({"rows": (1,), "select": 2}, "rows"),
        ({"permutations": 5}, "permutations"),
        ({"resamples": 5}, "resamples"),
    ]:
        with pytest.raises(SpecError, match=key):
            RepresentationSpec(**wrong)
