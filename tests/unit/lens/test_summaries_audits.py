"""The other audits, each by hand or against an independent computation."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from summary_tables import of, random_table, table

from residue.lens.summaries import (
    agreement,
    consistency,
    decoding_point,
    gates,
    health,
    last_row,
    lens_audit,
    norms,
    positions,
    skips,
)
from residue.lens.summaries.trajectories import Trajectories

LISTS = st.integers(2, 6).flatmap(
    lambda k: st.tuples(*[st.lists(st.integers(0, 9), min_size=k, max_size=k, unique=True)] * 2)
)


@given(LISTS)
def test_spearman_is_scipys_over_the_union(lists: tuple[list[int], list[int]]) -> None:
    first, second = lists
    k, union = len(first), sorted({*first, *second})
    a = [first.index(i) + 1 if i in first else k + 1 for i in union]
    b = [second.index(i) + 1 if i in second else k + 1 for i in union]
    ours = agreement.spearman(np.array([first]), np.array([second]))[0]
    assert ours == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)


@given(LISTS)
def test_overlap_is_that_of_sets(lists: tuple[list[int], list[int]]) -> None:
    first, second = (np.array([each]) for each in lists)
    ours, theirs = set(lists[0]), set(lists[1])
    assert agreement.jaccard(first, second)[0] == len(ours & theirs) / len(ours | theirs)
    assert agreement.jaccard(first, first[:, ::-1])[0] == 1.0
    assert agreement.spearman(first, first)[0] == pytest.approx(1.0)


def test_tops_are_compared_line_by_line() -> None:
    norm, raw = random_table("a", "norm"), random_table("a", "raw")
    raw.at[5, "topk_ids"] = []
    made = agreement.compare_tops(norm, raw.iloc[1:].iloc[::-1]).set_index("row")
    assert sorted(made.index) == [1, 2, 3, 4, 5, 6]
    first, second = norm["topk_ids"][3], raw["topk_ids"][3]
    shared = len({*first[:10]} & {*second[:10]})
    assert made.loc[3, "jaccard_10"] == shared / (20 - shared)
    assert made.loc[3, "top1_agree"] == float(first[0] == second[0])
    assert np.isnan(made.loc[3, "jaccard_50"])
    assert made.loc[5, ["jaccard_10", "spearman_50", "top1_agree"]].isna().all()


def test_consistency_is_low_only_at_semantic_targets() -> None:
    t = of({"jaccard_10": [0, 0.2, 0.9], "jaccard_50": [0, 0.1, 0.5], "spearman_50": [0, 0.1, 0.6]})
    late, early = np.array([2.0]), np.array([1.0])
    fine = consistency.consistency(t, {"rank<=10": early, "semantic": late})
    assert fine.low[0] == 0
    assert fine.medians["jaccard_10"][0] == pytest.approx(0.55)
    assert consistency.consistency(t, {"semantic": early}).low[0] == 1
    assert np.isnan(consistency.consistency(t, {"rank<=10": early}).low[0])


def test_two_norms_agree_where_neither_reads_the_answer() -> None:
    """The published agreement asked both for rank 1, also where the default lacks it by definition,
    and compared the last row with a norm that never decodes it."""
    t = of({
        "answer_rank_first": [9, 4, 1, 1], "answer_rank_second": [9, 3, 1, 7],
        "jaccard_10": [0, 0.6, 0.7, 0.0],
    })  # fmt: skip
    targets = {"rank<=5": np.array([1.0]), "semantic": np.array([2.0]), "strong": np.array([3.0])}
    made = decoding_point.decoding_point(t, targets)
    assert made.rank1_agree["rank<=5"][0] == 1
    assert made.rank_change["rank<=5"][0] == -1
    assert np.isnan(made.rank1_agree["strong"][0])
    assert (made.overlap[0], made.consistent[0]) == (0.7, 1)
    torn = of({
        "answer_rank_first": [9, 4, 1, 1], "answer_rank_second": [9, 3, 2, 1],
        "jaccard_10": [0, 0.6, 0.7, 1.0],
    })  # fmt: skip
    assert decoding_point.decoding_point(torn, targets).consistent[0] == 0


def test_scaled_probabilities_are_softmax_of_scaled_logits() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(3, 9)) * 400
    z[1] += 5.0
    answer = np.array([0, 4, 8])
    made = gates.scaled_probability(z, answer, gates.SCALES)
    for place, s in enumerate(gates.SCALES):
        q = np.exp(s * z - (s * z).max(1, keepdims=True))
        q /= q.sum(1, keepdims=True)
        assert made[:, place] == pytest.approx(q[np.arange(3), answer], rel=1e-9, abs=1e-300)


def test_gates_near_their_threshold_hang_on_the_scale() -> None:
    gap = np.array([[0.5], [0.4], [0.6], [np.nan]])
    p = np.full((4, 1, 4), 0.5)
    p[2, 0, 0] = 0.0
    made = gates.passing(gap, p, 100)
    assert made.gap[:3].tolist() == [0.5, 0.0, 1.0]
    assert made.margin[:3].tolist() == [1.0, 1.0, 0.75]
    assert made.both[:3].tolist() == [0.5, 0.0, 0.75]
    assert np.isnan(made.gap[3])
    assert np.isnan(made.both[3])
    run = gates.passing(np.array([[0.6, 0.5]]), np.full((1, 2, 4), 0.5), 100)
    assert run.gap[0] == 0.5


def test_a_missing_softcap_shows_at_the_last_row_and_no_temperature_mends_it() -> None:
    """Two published models lacked the cap: 1.0 and 1.1 bits, still 0.35 and 0.57 when tempered."""
    z = np.random.default_rng(1).normal(size=500) * 25
    final = 30 * np.tanh(z / 30)
    scale, kl = last_row.best_temperature(z, final)
    assert kl > last_row.SAME
    doubled, nothing = last_row.best_temperature(final * 10 ** (1 / 3), final)
    assert doubled == pytest.approx(10 ** (1 / 3))
    assert nothing == pytest.approx(0, abs=1e-9)
    read = last_row.last_row(of({"kl_to_final": [3.0, 2.0, 1.01], "answer_rank": [9, 2, 1]}))
    assert (read.kl[0], read.same[0], read.warn[0], read.answer_rank[0]) == (1.01, 0, 1, 1)
    assert last_row.last_row(of({"kl_to_final": [3.0, 1e-6]})).same[0] == 1


def test_numeric_health_names_the_first_bad_row() -> None:
    lines = random_table("a", "norm")
    lines.loc[3, "entropy"] = np.nan
    lines.loc[5, "p_answer"] = np.inf
    made = health.numeric_health(pd.concat([lines, random_table("b", "norm")])).set_index("item")
    assert made.loc["a", ["n_flagged", "first_flagged"]].tolist() == [2, 3]
    assert made.loc["b", "n_flagged"] == 0
    assert pd.isna(made.loc["b", "first_flagged"])


def test_steady_growth_is_no_spike_however_fast() -> None:
    """The published rule, a fixed bound on ratio and cosine, fires on all of ten models."""
    steady = of({"row_norm": 5.0 ** np.arange(8)})
    made = norms.growth(steady)
    assert made.slope[0] == pytest.approx(math.log(5))
    assert made.r2[0] == pytest.approx(1)
    assert (made.spikes[0], made.shape[0]) == (0, "monotonic")
    jumps = 1.1 ** np.arange(8) * np.where(np.arange(8) >= 4, 10, 1)
    assert norms.growth(of({"row_norm": jumps})).shape[0] == "spike"
    flat = norms.growth(of({"row_norm": [1.0, 1.01, 1.0, 1.01, 1.0]}))
    assert flat.shape[0] == "plateau"
    fires = norms.absolute_spikes(
        np.arange(3), np.array([[18.0, 14.0, 2.0]]), np.array([[0.5, 0.7, 0.9]]), np.array([2.0])
    )
    assert fires[0] == 2


def test_line_fits_are_least_squares() -> None:
    rng = np.random.default_rng(2)
    rows, y = np.arange(9), rng.normal(size=(1, 9))
    slope, r2 = norms.line_fit(rows, y)
    fit = stats.linregress(rows, y[0])
    assert (slope[0], r2[0]) == pytest.approx((fit.slope, fit.rvalue**2))


def test_skipping_m_blocks_reads_the_row_before_them() -> None:
    """Published: the state after block n − m, which leaves m − 1 blocks out, and perplexities that
    were pooled before the logarithm."""
    assert skips.skipped_row(32, 2) == 30
    with pytest.raises(ValueError, match="cannot skip 33 of 32"):
        skips.skipped_row(32, 33)
    texts = pd.DataFrame({
        "skipped": [2, 2, 4, 4],
        "cross_entropy": [3.0, 9.0, 4.0, 20.0],
        "cross_entropy_model": [2.9, 8.9, 3.0, 9.0],
    })  # fmt: skip
    made = skips.skip_sanity(texts)
    assert made["change"].tolist() == pytest.approx([0.1, 6.0])
    assert made["regresses"].tolist() == [False, False]
    assert skips.skip_sanity(texts, most=0.05)["regresses"].tolist() == [True, False]


def test_a_lens_that_changes_nothing_is_never_preferred() -> None:
    """The published rule, 5 % of the depth rounded, asks a six-block model for no row at all."""
    t = Trajectories.of(random_table("a", "norm"), ["answer_rank", "kl_to_final"])
    both = lens_audit.against(t, t)
    assert np.nanmax(np.abs(both.gain)) == 0
    earlier = lens_audit.rows_earlier(t.last)
    assert earlier == 2
    assert lens_audit.preferred(both.gain[1], both.delay("rank<=5"), earlier)[0] == 0
    assert [lens_audit.rows_earlier(n) for n in (20, 41, 80)] == [2, 3, 4]
    nan = np.array([np.nan])
    assert lens_audit.preferred(np.array([0.2]), nan, 2)[0] == 1
    assert lens_audit.preferred(nan, np.array([-2.0]), 2)[0] == 1
    assert lens_audit.preferred(nan, np.array([2.0]), 2)[0] == 0


def test_gains_and_delays_by_hand() -> None:
    base = of({"answer_rank": [9, 8, 4, 1, 1], "kl_to_final": [9.0, 8, 6, 3, 0.5]})
    tuned = of({"answer_rank": [5, 1, 1, 1], "kl_to_final": [3.0, 2, 0.8, 0.1]}, first=1)
    both = lens_audit.against(base, tuned.like(base, ["item"]))
    assert both.gain[:, 0].tolist() == [5.0, 4.0, 2.2]
    assert (both.delay("rank<=1")[0], both.delay("rank<=5")[0]) == (-1, -1)
    assert both.delay("kl<=1")[0] == -1


def test_parts_of_a_gain_by_hand() -> None:
    base = np.array([4.0, 4.0, 4.0])
    split = lens_audit.parts(base, base - 1.0, base - [0.1, 0.15, 0.1], base - [0.9, 0.85, 0.9])
    assert split.rotation[1] == pytest.approx(0.1)
    assert split.interaction == pytest.approx(0)
    assert lens_audit.only_calibration(split)
    assert not lens_audit.only_calibration(lens_audit.parts(base, base - 1.0, base - 1.0, base))
    inside, outside = lens_audit.by_position(
        np.array([0.2, 0.92, 0.93, 0.98]), np.array([1.0, 3.0, 99.0, 5.0])
    )
    assert (inside, outside) == (2.0, 5.0)


def test_audits_of_one_prompt_do_not_stand_for_another() -> None:
    """Published tuned audits were written over by each prompt; the last one's stood for all."""
    lines = pd.concat([random_table(item, "norm") for item in "ab"])
    others = pd.concat([random_table(item, "tuned") for item in "ab"])
    columns = ["answer_rank", "kl_to_final"]
    t = Trajectories.of(lines, columns)
    both = lens_audit.against(t, Trajectories.of(others, columns).like(t, ["item"]))
    alone = Trajectories.of(lines[lines["item"] == "a"], columns)
    other = Trajectories.of(others[others["item"] == "a"], columns).like(alone, ["item"])
    assert both.gain[:, 0].tolist() == lens_audit.against(alone, other).gain[:, 0].tolist()


def test_moved_prompts_can_agree_wholly() -> None:
    """Published shares could not exceed one over the number of positions, since an answer has a
    rank at the last of them alone."""
    deck = pd.DataFrame({
        "item": ["o", "s", "t", "p"], "style": ["orig", "shift_1", "shift_3", "paraphrase"],
        "twin": ["", "o", "o", "o"],
    })  # fmt: skip
    ranks = {"o": [5, 5, 1], "s": [5, 2, 1], "t": [5, 5, 1], "p": [5, 5, 5]}
    t = Trajectories.of(
        pd.concat([table({"answer_rank": r}, item=i) for i, r in ranks.items()]), ["answer_rank"]
    )
    semantic = np.array([2.0 if item == "o" else np.nan for item in t.keys["item"]])
    made = positions.position_stability(t, semantic, deck, ["shift_1", "shift_3"])
    assert made[["item", "n_variants", "share"]].to_numpy().tolist() == [["o", 2, 1.0]]
    assert positions.rank1_share(np.array([1.0, 2.0, np.nan])) == 0.5
