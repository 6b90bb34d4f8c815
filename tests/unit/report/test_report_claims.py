"""Verdicts follow the interval, every seed and every slice; a missing number never supports."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from scipy import stats

from residue.report.claims import COLUMNS, claims, region
from residue.specs.claims import LEVELS, ClaimSpec, EstimandSpec
from residue.specs.default_claims import default_claims, guide_margins
from residue.specs.default_estimands import default_estimands
from residue.specs.fields import SpecError, load, plain
from residue.specs.headlines import HeadlineSpec, default_headlines
from residue.stats.attainability import clusters_needed
from residue.stats.duality import tails_for
from residue.stats.multiplicity import benjamini_hochberg, holm

EQUAL = ClaimSpec(sentence="Equal.", estimand="e", kind="equivalent", margin=0.2)
NO_WORSE = ClaimSpec(sentence="No worse.", estimand="e", kind="non_inferior", margin=0.2)
NO_MORE = ClaimSpec(sentence="No more.", estimand="e", kind="non_superior", margin=0.2)


def estimate_row(low: float, high: float, **more: Any) -> dict[str, Any]:
    middle = (low + high) / 2
    return {
        "estimand": "e", "arm": "npo", "condition": "plain", "slice": "", "metric": "exact_answer",
        "statistic": "rate", "reference": "oracle", "estimate": middle, "low": low, "high": high,
        "level": 0.95, "n_items": 100, "n_clusters": 30, "n_seeds": 1, "n_pairs": 1,
        "n_unscorable": 0, "seed_values": [middle], "method": "t", "note": "",
        **ladder(low, high), **more,
    }  # fmt: skip


def ladder(low: float, high: float, level: float = 0.95) -> dict[str, list[float]]:
    """Ends at other tails as a normal estimate has them; none where there is no interval."""
    if not math.isfinite(low + high):
        return {"tails": [], "lows": [], "highs": []}
    tails = tails_for(level)
    share = stats.norm.isf(tails) / stats.norm.isf((1 - level) / 2)
    middle, half = (low + high) / 2, (high - low) / 2
    return {
        "tails": list(tails),
        "lows": list(middle - share * half),
        "highs": list(middle + share * half),
    }


def verdict(spec: ClaimSpec, *rows: dict[str, Any]) -> pd.Series:
    table = claims(pd.DataFrame(rows), {"c": spec})
    assert list(table.columns) == list(COLUMNS)
    assert len(table) == 1
    return table.iloc[0]


@pytest.mark.parametrize(
    ("spec", "low", "high", "expected"),
    [
        (EQUAL, -0.19, 0.19, "supported"),
        (EQUAL, -0.19, 0.2, "inconclusive"),  # touching the margin decides nothing
        (EQUAL, 0.21, 0.5, "refuted"),
        (EQUAL, -0.5, -0.21, "refuted"),
        (EQUAL, -0.5, 0.5, "inconclusive"),
        (NO_WORSE, -0.19, 0.9, "supported"),
        (NO_WORSE, -0.5, -0.21, "refuted"),
        (NO_WORSE, -0.3, 0.3, "inconclusive"),
        (NO_MORE, -0.9, 0.19, "supported"),
        (NO_MORE, 0.21, 0.5, "refuted"),
    ],
)
def test_interval_against_margin(spec: ClaimSpec, low: float, high: float, expected: str) -> None:
    assert verdict(spec, estimate_row(low, high))["verdict"] == expected


def test_one_seed_outside_leaves_the_claim_open() -> None:
    row = estimate_row(-0.1, 0.1, seed_values=[0.0, 0.05, 0.25], n_seeds=3)
    assert verdict(EQUAL, row)["verdict"] == "inconclusive"


def test_claim_holds_only_where_every_slice_does() -> None:
    good = estimate_row(-0.02, 0.02, slice="split=touched")
    open_ = estimate_row(-0.3, 0.0, slice="split=untouched")
    bad = estimate_row(-0.6, -0.4, slice="split=untouched")
    assert verdict(NO_WORSE, good, estimate_row(-0.01, 0.01, slice="b"))["verdict"] == "supported"
    assert verdict(NO_WORSE, good, open_)["verdict"] == "inconclusive"
    worst = verdict(NO_WORSE, good, bad)
    assert worst["verdict"] == "refuted"
    assert worst["slice"] == "split=untouched"
    assert worst["estimate"] == pytest.approx(-0.5)
    assert "worst of 2 slices" in worst["reason"]


def test_shown_slice_is_the_one_with_least_room() -> None:
    near = estimate_row(-0.15, 0.0, slice="near")
    far = estimate_row(-0.05, 0.0, slice="far")
    assert verdict(NO_WORSE, far, near)["slice"] == "near"


def test_missing_estimate_is_never_supported_and_says_why() -> None:
    nothing = estimate_row(math.nan, math.nan, n_clusters=0, seed_values=[], note="no oracle")
    alone = verdict(EQUAL, nothing)
    assert alone["verdict"] == "inconclusive"
    assert "no oracle" in alone["reason"]
    refused = estimate_row(-math.inf, math.inf, estimate=math.nan, seed_values=[], note="failed")
    assert verdict(EQUAL, refused)["verdict"] == "inconclusive"
    good = estimate_row(-0.02, 0.02, slice="a")
    assert verdict(EQUAL, good, nothing | {"slice": "b"})["verdict"] == "inconclusive"


def test_attainable_is_that_of_the_smallest_slice_and_a_short_plan_is_marked() -> None:
    rows = [estimate_row(-0.05, 0.05, slice=s, n_clusters=n) for s, n in (("a", 12), ("b", 30))]
    row = verdict(EQUAL, *rows)
    assert row["attainable"] == pytest.approx(1 - 0.025 ** (1 / 12))
    assert f"take {clusters_needed(0.2)} clusters or more" in row["reason"]
    assert "or more" not in verdict(EQUAL, estimate_row(-0.05, 0.05))["reason"]


def test_what_was_left_out_goes_with_the_verdict() -> None:
    row = verdict(EQUAL, estimate_row(-0.05, 0.05, note="one pair", n_unscorable=7))
    assert (row["note"], row["n_unscorable"]) == ("one pair", 7)


def test_forgetting_must_hold_in_held_out_wordings_too() -> None:
    claim, estimands = default_claims()["forgets"], default_estimands()
    assert estimands[claim.estimand].by == ("family",)
    assert set(estimands[claim.estimand].where["family"]) == {"seen", "held_out"}
    good = {"estimand": claim.estimand, "n_clusters": 60}
    rows = [estimate_row(-0.05, 0.05, slice="family=seen", **good),
            estimate_row(0.2, 0.4, slice="family=held_out", **good)]  # fmt: skip
    row = verdict(claim, *rows)
    assert row["verdict"] == "refuted"
    assert "held-out wordings" in row["reason"]


def test_default_reasons_hold_no_number_that_another_margin_would_belie() -> None:
    for claim in default_claims().values():
        assert not re.search(r"\d", claim.margin_reason)


def test_the_guide_is_drawn_only_for_what_the_claims_judge_by_default() -> None:
    claims_, estimands = default_claims(), default_estimands()
    moved = claims_ | {"forgets": replace(claims_["forgets"], margin=0.3)}
    assert guide_margins(moved, estimands) == {"forgets": 0.3, "keeps": claims_["keeps"].margin}
    other = claims_ | {"forgets": replace(claims_["forgets"], estimand="leak_vs_oracle")}
    assert guide_margins(other, estimands)["forgets"] is None
    changed = estimands | {"retain_vs_base": replace(estimands["retain_vs_base"], by=())}
    assert guide_margins(claims_, changed)["keeps"] is None
    assert guide_margins({}, estimands) == {"forgets": None, "keeps": None}


def test_arms_are_filtered_and_edits_come_before_controls() -> None:
    rows = [estimate_row(0, 0.1, arm=arm) for arm in ("base", "oracle", "npo", "gate")]
    table = claims(pd.DataFrame(rows), {"c": EQUAL})
    assert list(table["arm"]) == ["npo", "gate", "base", "oracle"]
    some = ClaimSpec(sentence="Equal.", estimand="e", arms=("gate",))
    assert list(claims(pd.DataFrame(rows), {"c": some})["arm"]) == ["gate"]


def test_a_headline_is_about_its_own_kind_of_arm() -> None:
    heads = {"safe": HeadlineSpec(sentence="Safe.", parts=("c",), of="defence")}
    rows = [estimate_row(0, 0.1, arm=arm) for arm in ("npo", "guard")]
    table = claims(pd.DataFrame(rows), {"c": EQUAL}, heads, ["guard"])
    roles = table.set_index(["arm", "claim"])["role"]
    assert roles.to_dict() == {
        ("guard", "safe"): "headline", ("guard", "c"): "part", ("npo", "c"): "exploratory"
    }  # fmt: skip


def test_perplexity_margins_are_factors() -> None:
    near = estimate_row(0.95, 1.1, statistic="perplexity")
    assert verdict(EQUAL, near)["verdict"] == "supported"
    assert verdict(NO_MORE, estimate_row(1.25, 1.5, statistic="perplexity"))["verdict"] == "refuted"
    assert math.isnan(verdict(EQUAL, near)["attainable"])
    assert region("equivalent", 0.25, "perplexity").low == pytest.approx(0.8)


def test_a_level_is_judged_by_its_own_ends() -> None:
    often = ClaimSpec(sentence="Often.", estimand="e", kind="at_least", margin=0.85)
    seldom = ClaimSpec(sentence="Seldom.", estimand="e", kind="at_most", margin=0.1)
    high = estimate_row(0.88, 0.97, reference="none", n_clusters=48)
    low = estimate_row(0.0, 0.08, reference="none", n_clusters=48)
    assert verdict(often, high)["verdict"] == "supported"
    assert verdict(often, low)["verdict"] == "refuted"
    assert verdict(seldom, low)["verdict"] == "supported"
    assert verdict(seldom, high)["verdict"] == "refuted"
    # Of 48 countries without a failure the ends are known.
    end = 0.025 ** (1 / 48)
    assert verdict(often, high)["attainable"] == pytest.approx(end)
    assert verdict(seldom, low)["attainable"] == pytest.approx(1 - end)
    few = verdict(often, estimate_row(0.7, 1.0, reference="none", n_clusters=10))
    assert few["verdict"] == "inconclusive"
    assert (
        "even a model that fails nowhere is supported only below a margin of 0.692"
        in (few["reason"])
    )


def test_a_reduction_is_judged_below_what_may_be_left() -> None:
    half = ClaimSpec(sentence="Half is gone.", estimand="e", kind="reduced", margin=0.5)
    for low, high, expected in (
        (0.1, 0.49, "supported"), (0.1, 0.5, "inconclusive"), (0.51, 1.2, "refuted"),
    ):  # fmt: skip
        row = estimate_row(low, high, statistic="share_left", reference="base")
        assert verdict(half, row)["verdict"] == expected
        # The same of a difference, all of whose ends lie 1 lower where the base answers all.
        gap = estimate_row(low - 1.0, high - 1.0, reference="base")
        assert verdict(half, gap)["verdict"] == expected
    q = 1 - 0.025 ** (1 / 30)
    assert verdict(half, gap)["attainable"] == pytest.approx(1 - 2 * q)
    assert verdict(half, row)["attainable"] == pytest.approx(1 - q / (1 - q))
    few = verdict(half, estimate_row(0.0, 0.6, statistic="share_left", n_clusters=8))
    assert "a model that loses everything is supported only below a margin of 0.4" in few["reason"]
    # tail^(1/n) must exceed 2/3, so that 0 of n leaves less than half: n = 10.
    assert "take 10 clusters or more, or a smaller margin" in few["reason"]


def test_default_claims_name_default_estimands_that_fit_their_kind() -> None:
    estimands = default_estimands()
    for claim in default_claims().values():
        assert (estimands[claim.estimand].reference == "none") == (claim.kind in LEVELS)
        assert len(claim.margin_reason) > 20


def test_specs_survive_the_config_and_refuse_nonsense() -> None:
    for spec in default_estimands().values():
        assert load(EstimandSpec, plain(spec), "estimands.x") == spec
    for claim in default_claims().values():
        assert load(ClaimSpec, plain(claim), "claims.x") == claim
    with pytest.raises(SpecError, match=r"claims\.x\.margin"):
        load(ClaimSpec, {"sentence": "s", "estimand": "e", "margin": 0}, "claims.x")
    with pytest.raises(SpecError, match=r"estimands\.x\.by"):
        load(EstimandSpec, {"by": ["country"]}, "estimands.x")
    with pytest.raises(SpecError, match=r"estimands\.x\.where\.split"):
        load(EstimandSpec, {"where": {"split": []}}, "estimands.x")


BOTH = {"good": HeadlineSpec(sentence="Both.", parts=("a", "b"))}
PARTS = {"a": replace(EQUAL, estimand="ea"), "b": replace(EQUAL, estimand="eb"),
         "other": replace(EQUAL, estimand="eo")}  # fmt: skip


def judged(*rows: dict[str, Any]) -> pd.DataFrame:
    table = claims(pd.DataFrame(rows), PARTS, BOTH)
    return table.set_index(["arm", "claim"]).sort_index()


def of_arm(arm: str, a: float, b: float, other: float = 0.0) -> list[dict[str, Any]]:
    """Three estimates with intervals of half-width 0.1 around the given points."""
    points = {"ea": a, "eb": b, "eo": other}
    return [estimate_row(at - 0.1, at + 0.1, arm=arm, estimand=name) for name, at in points.items()]


def test_a_headline_is_as_good_as_its_worst_part() -> None:
    table = judged(*of_arm("fine", 0.0, 0.0), *of_arm("half", 0.0, 0.12), *of_arm("bad", 0, 0.5))
    verdicts = {arm: table.loc[(arm, "good"), "verdict"] for arm in ("fine", "half", "bad")}
    assert verdicts == {"fine": "supported", "half": "inconclusive", "bad": "refuted"}
    for arm in verdicts:
        parts = [table.loc[(arm, claim)] for claim in ("a", "b")]
        head = table.loc[(arm, "good")]
        assert head["p"] == max(part["p"] for part in parts)
        assert head["p_against"] == min(1, 2 * min(part["p_against"] for part in parts))
        assert (head["role"], {part["role"] for part in parts}) == ("headline", {"part"})
        assert [part["p_adjusted"] for part in parts] == [part["p"] for part in parts]


def test_headlines_are_corrected_over_arms_and_all_else_by_the_share_of_false_finds() -> None:
    rows = [row for n in range(8) for row in of_arm(f"arm{n}", 0.09, 0.0, 0.02 * n)]
    table = judged(*rows, *of_arm("base", 0.09, 0.0))
    heads, free = table[table["role"] == "headline"], table[table["role"] == "exploratory"]
    assert len(heads) == len(free) == 8
    assert list(heads["p_adjusted"]) == list(holm(heads["p"]))
    assert list(free["p_adjusted"]) == list(benjamini_hochberg(free["p"]))
    # One arm alone would pass; as the best of eight it is left open, and the row says why.
    assert 0.0125 < heads["p"].iloc[0] < 0.025
    assert set(heads["verdict"]) == {"inconclusive"}
    assert "after Holm over 8 tests" in heads["reason"].iloc[0]
    assert judged(*of_arm("alone", 0.09, 0.0)).loc[("alone", "good"), "verdict"] == "supported"
    controls = table.loc["base"]
    assert set(controls["role"]) == {"control"}
    assert "good" not in controls.index


def test_a_headline_without_a_part_is_never_supported() -> None:
    rows = [row for row in of_arm("npo", 0.0, 0.0) if row["estimand"] != "eb"]
    head = judged(*rows).loc[("npo", "good")]
    assert head["verdict"] == "inconclusive"
    assert "not judged in this run: b" in head["reason"]
    attacked = estimate_row(-0.1, 0.1, arm="npo", estimand="eb", condition="attack")
    other = of_arm("gate", 0.0, 0.0) + [attacked | {"arm": "gate"}]
    table = judged(*rows, attacked, *other)
    assert table.loc[("npo", "good"), "verdict"] == "inconclusive"
    assert table.loc[("gate", "good"), "verdict"] == "supported"


def test_without_ends_at_other_tails_nothing_is_supported() -> None:
    row = verdict(EQUAL, estimate_row(-0.1, 0.1, tails=[], lows=[], highs=[]))
    assert row["verdict"] == "inconclusive"
    assert math.isnan(row["p"])


def test_default_headlines_stand_on_default_claims() -> None:
    for headline in default_headlines().values():
        assert set(headline.parts) <= set(default_claims())
    with pytest.raises(SpecError, match="parts"):
        HeadlineSpec(sentence="Nothing.")
