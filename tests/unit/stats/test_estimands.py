from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from residue.specs.statistics import StatisticsSpec
from residue.stats.attainability import attainable_margin
from residue.stats.estimands import estimate
from residue.stats.intervals import t_interval
from residue.stats.verdicts import Region, decide

SPEC = StatisticsSpec(n_bootstrap=1000)


def rows(values: np.ndarray, *, seeds=None, weights=None, pair=None, per_country=2) -> pd.DataFrame:
    """Long rows of a (seeds, items) array."""
    lines = []
    for line, seed in enumerate(range(len(values)) if seeds is None else seeds):
        for column, value in enumerate(values[line]):
            lines.append(
                {
                    "item": f"facts/capital/{column:02d}",
                    "country": f"C{column // per_country:02d}",
                    "seed": seed,
                    "value": float(value),
                    "weight": 1.0 if weights is None else float(weights[column]),
                    "status": "ok",
                }
            )
            if pair is not None:
                lines[-1]["pair"] = pair
    return pd.DataFrame(lines)


def uniform(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(size=shape)


def test_mean_of_one_checkpoint_is_the_t_interval_of_countries() -> None:
    values = uniform(0, 1, 24)
    found = estimate(rows(values), "country", None, "mean", SPEC)
    plain = t_interval(values.reshape(12, 2).mean(axis=1))
    assert (found.estimate, found.low, found.high) == pytest.approx(
        (plain.estimate, plain.low, plain.high)
    )
    assert (found.n_items, found.n_clusters, found.n_seeds, found.n_pairs) == (24, 12, 1, 1)
    assert "given this checkpoint" in found.method


def test_paired_difference_removes_what_both_share() -> None:
    shared = uniform(1, 1, 24) * 0.5
    noise = uniform(2, 3, 24) * 0.01
    arm, base = rows(shared + 0.2 + noise), rows(shared, seeds=[7])
    apart = estimate(arm, "country", None, "rate", SPEC)
    found = estimate(arm, "country", base, "rate", SPEC)
    assert found.estimate == pytest.approx(0.2 + noise.mean())
    assert found.high - found.low < 0.1 * (apart.high - apart.low)
    np.testing.assert_allclose(found.seed_values, 0.2 + noise.mean(axis=1))


def test_perplexity_is_the_exponential_of_the_weighted_mean() -> None:
    nll, tokens = uniform(3, 2, 20) + 1.0, np.arange(1.0, 21.0)
    found = estimate(rows(nll, weights=tokens), "country", None, "perplexity", SPEC)
    expected = np.exp((nll * tokens).sum() / (2 * tokens.sum()))
    assert found.estimate == pytest.approx(expected)
    np.testing.assert_allclose(found.seed_values, np.exp(nll @ tokens / tokens.sum()))
    assert found.low < found.estimate < found.high


def test_a_ruined_models_perplexity_is_infinite_and_no_fault() -> None:
    nll = np.random.default_rng(0).normal(900.0, 1.0, (2, 20))
    found = estimate(rows(nll), "country", None, "perplexity", SPEC)
    assert found.estimate == found.high == np.inf


def test_perplexity_against_a_reference_is_a_ratio() -> None:
    nll, tokens = uniform(4, 1, 20) + 1.0, np.arange(1.0, 21.0)
    slower = nll + math.log(1.5) + 0.01 * uniform(5, 3, 20)
    found = estimate(
        rows(slower, weights=tokens), "country", rows(nll, weights=tokens), "perplexity", SPEC
    )
    alone = estimate(rows(slower, weights=tokens), "country", None, "perplexity", SPEC)
    base = estimate(rows(nll, weights=tokens), "country", None, "perplexity", SPEC)
    assert found.estimate == pytest.approx(alone.estimate / base.estimate)
    assert 1.49 < found.low < found.high < 1.53


def test_order_of_rows_and_names_of_seeds_do_not_matter() -> None:
    values = uniform(6, 12, 20)
    plain = estimate(rows(values), "country", None, "rate", SPEC)
    shuffled = rows(values, seeds=range(100, 112)).sample(frac=1, random_state=3)
    assert estimate(shuffled, "country", None, "rate", SPEC) == plain
    assert "hierarchical bootstrap of 12 seeds" in plain.method


def test_bootstrap_from_ten_seeds_agrees_with_the_t_interval_of_nine() -> None:
    by_country = np.repeat(uniform(7, 1, 30), 2, axis=1)
    values = 0.6 * by_country + 0.2 * uniform(8, 10, 1) + 0.2 * uniform(9, 10, 60)
    ten = estimate(rows(values), "country", None, "rate", SPEC)
    nine = estimate(rows(values[:9]), "country", None, "rate", SPEC)
    assert "hierarchical bootstrap" in ten.method
    assert "Satterthwaite" in nine.method
    assert ten.high - ten.low == pytest.approx(nine.high - nine.low, rel=0.2)


def test_binary_means_are_bounded_and_others_are_not() -> None:
    zeros = rows(np.zeros((3, 20)))
    assert estimate(zeros, "country", None, "mean", SPEC).high == pytest.approx(
        1 - 0.025 ** (1 / 10)
    )
    halves = rows(np.full((3, 20), 0.5))
    assert estimate(halves, "country", None, "mean", SPEC).high == math.inf
    assert estimate(halves, "country", None, "rate", SPEC).high < 1.0
    with pytest.raises(ValueError, match="name the statistic mean"):
        estimate(rows(np.full((3, 20), 1.5)), "country", None, "rate", SPEC)


def test_unscorable_cells_leave_both_sides_and_are_counted() -> None:
    values, base = uniform(8, 2, 24), uniform(9, 1, 24)
    arm, reference = rows(values), rows(base)
    arm.loc[0, ["value", "weight", "status"]] = [math.nan, math.nan, "unscorable"]
    reference.loc[5, ["value", "status"]] = [math.nan, "unscorable"]
    found = estimate(arm, "country", reference, "rate", SPEC)
    difference = values - base
    kept = np.ones_like(difference, dtype=bool)
    kept[0, 0] = False
    kept[:, 5] = False
    masked = np.ma.masked_array(difference, ~kept).reshape(2, 12, 2)
    of_seed = masked.mean(axis=2)  # each country's scored items, in each seed
    assert found.estimate == pytest.approx(of_seed.mean(axis=0).mean())
    np.testing.assert_allclose(found.seed_values, of_seed.mean(axis=1))
    assert (found.n_unscorable, found.n_items) == (3, 23)
    assert "3 of 48 cells unscorable" in found.note


@pytest.mark.parametrize("n_seeds", [1, 3, 11])
def test_no_difference_is_supported_above_the_attainable_margin_whatever_countries_hold(
    n_seeds: int,
) -> None:
    # 36 countries, 32 of eight items and 4 of half as many: the rare ones count as much.
    sizes = [8] * 32 + [4] * 4
    country = [f"C{k:02d}" for k, size in enumerate(sizes) for _ in range(size)]
    zeros = np.zeros((n_seeds, len(country)))
    arm = rows(zeros).assign(country=country * n_seeds)
    reference = rows(zeros[:1]).assign(country=country)
    arm.loc[::7, "status"] = "unscorable"
    found = estimate(arm, "country", reference, "rate", SPEC)
    bound = attainable_margin(36)
    assert (found.low, found.high) == pytest.approx((-bound, bound), abs=1e-9)
    for factor, verdict in ((1.001, "supported"), (0.999, "inconclusive")):
        region = Region.within(factor * bound)
        decided = decide(found.low, found.high, found.seed_values, region, level=0.95)
        assert decided.verdict == verdict


def test_countries_count_alike_however_many_items_they_have() -> None:
    values = np.array([[1.0] * 9 + [0.0]])
    arm = rows(values).assign(country=["A"] * 9 + ["B"])
    assert estimate(arm, "country", None, "rate", SPEC).estimate == 0.5
    tokens = estimate(arm, "country", None, "perplexity", SPEC)
    assert tokens.estimate == pytest.approx(math.exp(0.9))


def test_a_country_without_any_score_is_counted_out() -> None:
    arm = rows(uniform(10, 2, 24))
    gone = arm["country"] == "C03"
    arm.loc[gone, "status"] = "unscorable"
    found = estimate(arm, "country", None, "rate", SPEC)
    assert (found.n_clusters, found.n_items) == (11, 22)
    assert "1 clusters without any score" in found.note


@pytest.mark.parametrize(
    ("which", "status", "message"),
    [(slice(4, 4), "failed", "failed rows"), (slice(24, None), "unscorable", "seed 1 has no")],
)
def test_failures_refuse_the_estimate(which: slice, status: str, message: str) -> None:
    arm = rows(uniform(11, 2, 24))
    arm.loc[which, "status"] = status
    found = estimate(arm, "country", rows(uniform(12, 1, 24)), "rate", SPEC)
    assert math.isnan(found.estimate)
    assert (found.low, found.high, found.seed_values) == (-math.inf, math.inf, ())
    assert found.method == "refused"
    assert message in found.note


def test_several_pairs_are_the_replicates() -> None:
    blocks = [uniform(20 + pair, 3, 24) + 0.1 * pair for pair in range(3)]
    arm = pd.concat([rows(block, pair=pair) for pair, block in enumerate(blocks)])
    base = pd.concat([rows(uniform(30 + pair, 1, 24), pair=pair) for pair in range(3)])
    found = estimate(arm, "country", base, "mean", SPEC)
    assert (found.n_pairs, found.n_seeds, len(found.seed_values)) == (3, 3, 9)
    assert "3 pairs" in found.method
    averaged = pd.concat([rows(b.mean(axis=0)[None], pair=p) for p, b in enumerate(blocks)])
    again = estimate(averaged, "country", base, "mean", SPEC)
    assert (again.low, again.high) == pytest.approx((found.low, found.high))


def test_a_reference_with_the_same_seeds_is_paired_seed_by_seed() -> None:
    before, after = uniform(40, 3, 24), uniform(41, 3, 24)
    found = estimate(rows(after), "country", rows(before), "mean", SPEC)
    np.testing.assert_allclose(found.seed_values, (after - before).mean(axis=1))


def test_level_reaches_the_interval() -> None:
    arm = rows(uniform(50, 3, 24))
    narrow = estimate(arm, "country", None, "mean", replace(SPEC, level=0.8))
    wide = estimate(arm, "country", None, "mean", SPEC)
    assert wide.low < narrow.low < narrow.high < wide.high
    assert (narrow.level, wide.level) == (0.8, 0.95)


def broken(**changes: object) -> pd.DataFrame:
    frame = rows(uniform(60, 2, 24))
    for column, value in changes.items():
        frame.loc[0, column] = value
    return frame


GOOD = rows(uniform(61, 1, 24))


@pytest.mark.parametrize(
    ("arm", "reference", "message"),
    [
        (GOOD.iloc[:0], None, "no rows"),
        (GOOD.drop(columns="weight"), None, "lacks the column 'weight'"),
        (broken(value=math.nan), None, "without a finite value"),
        (broken(weight=0.0), None, "positive weight"),
        (broken(status="fine"), None, "status 'fine'"),
        (broken(country=None), None, "without 'country'"),
        (broken(country="C09"), None, "more than one country"),
        (pd.concat([GOOD, GOOD]), None, "more than once"),
        (broken().iloc[1:], None, "nowhere in a seed"),
        (GOOD.iloc[1:], GOOD, "only one of the arm and the reference"),
        (GOOD, GOOD.assign(weight=2.0), "weights of"),
        (GOOD, GOOD.assign(country="C00"), "different clusters"),
        (GOOD, broken(), "needs the same, or one per pair"),
        (GOOD.assign(pair=0), GOOD.assign(pair=1), "models of one pair"),
    ],
)
def test_malformed_rows_are_named(arm, reference, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimate(arm, "country", reference, "mean", SPEC)


def test_an_unknown_statistic_is_refused() -> None:
    with pytest.raises(ValueError, match="known are mean, rate, perplexity"):
        estimate(GOOD, "country", None, "median", SPEC)


def test_null_seeds_of_a_base_are_one_replicate() -> None:
    base = GOOD.assign(seed=None)
    arm = rows(uniform(62, 3, 24))
    found = estimate(arm, "country", base, "mean", SPEC)
    assert found.n_seeds == 3
    assert estimate(base, "country", None, "mean", SPEC).n_seeds == 1
