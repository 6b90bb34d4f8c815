"""Membership, divergence, sampling and overlap of answers against closed forms."""

from __future__ import annotations

import itertools
import math
import zlib
from typing import Any

import numpy as np
import pandas as pd
import pytest

from residue.core import methods
from residue.measure.lines import ANSWER_COLUMNS, Answer, forced_answers
from residue.measure.metrics import (
    kl_from_base,
    kl_to_base,
    membership_loss,
    membership_min_k,
    membership_min_k_plus,
    membership_zlib,
    model_utility,
    revealed_in_ten,
    rouge_l,
    truth_ratio,
)
from residue.specs.measures import METRICS, OF_LANGUAGE


def answer(**columns: Any) -> Answer:
    n = len(next(iter(columns.values())))
    names = {"logp_deviation": "deviation"}
    held = {names.get(name, name): np.full(n, np.nan) for name in ANSWER_COLUMNS}
    return Answer(**held | {name: np.array(value, float) for name, value in columns.items()})


def test_the_lowest_fifth_is_at_least_one_token() -> None:
    assert membership_min_k.lowest(answer(logp=[-1.0, -5.0, -2.0])) == -5.0
    assert membership_min_k.lowest(answer(logp=[-3.0] + [-1.0] * 4 + [-2.0])) == -2.5


def test_min_k_plus_counts_in_deviations_of_the_law() -> None:
    """Two equally likely tokens and one certain one: (log p + H) / sd, by hand."""
    half = answer(logp=[math.log(0.2)], entropy=[0.5], deviation=[0.4], rank=[2])
    assert membership_min_k_plus.lowest(half) == pytest.approx((math.log(0.2) + 0.5) / 0.4)
    certain = answer(logp=[0.0], entropy=[0.0], deviation=[0.0], rank=[1])
    assert membership_min_k_plus.lowest(certain) == 0.0
    flat = answer(logp=[-2.0], entropy=[2.0], deviation=[0.0], rank=[8])
    assert "without spread" in str(membership_min_k_plus.lowest(flat))
    assert "not recorded" in str(membership_min_k_plus.lowest(answer(logp=[-2.0])))


@pytest.mark.parametrize("p", [1e-12, 0.1, 0.5, 1.0])
def test_ten_samples_reveal_by_the_complement(p: float) -> None:
    made = revealed_in_ten.revealed(answer(logp=[math.log(p) / 2] * 2))
    assert made == pytest.approx(1 - (1 - p) ** 10 if p > 1e-6 else 10 * p, rel=1e-6)


def test_divergences_are_means_over_tokens_where_a_base_was_there() -> None:
    both = answer(kl_to_base=[0.1, 0.3], kl_from_base=[1.0, 2.0])
    assert kl_to_base.divergence(both) == pytest.approx(0.2)
    assert kl_from_base.divergence(both) == pytest.approx(1.5)
    assert "no base" in str(kl_to_base.divergence(answer(logp=[-1.0])))


def test_tables_of_membership(make_items: Any, make_generations: Any, make_tokens: Any) -> None:
    items = make_items({"item": "a", "answers": ["Lima"]}, {"item": "b", "answers": []})
    records = {
        "generations": make_generations({"a": "Lima", "b": ""}),
        "tokens": make_tokens({"a": [(-1.0, 1), (-3.0, 2)]}),
    }
    loss = membership_loss.measure(records, items).set_index("item")
    assert loss.loc["a", "value"] == -2.0
    assert loss.loc["b", "status"] == "unscorable"
    packed = membership_zlib.measure(records, items).set_index("item")
    assert packed.loc["a", "value"] == pytest.approx(-4.0 / len(zlib.compress(b"Lima")))
    old = kl_from_base.measure(records, items).set_index("item")  # records without that column
    assert "no base" in old.loc["a", "reason"]


def test_the_common_part_is_the_longest_in_order() -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        said, wanted = (list(rng.choice(list("abc"), rng.integers(0, 6))) for _ in range(2))
        brute = max(
            size
            for size in range(len(wanted) + 1)
            for part in itertools.combinations(range(len(wanted)), size)
            if is_part([wanted[place] for place in part], said)
        )
        assert rouge_l.common(said, wanted) == brute


def is_part(part: list[str], whole: list[str]) -> bool:
    rest = iter(whole)
    return all(each in rest for each in part)


def test_overlap_hears_what_exactness_does_not(make_items: Any, make_generations: Any) -> None:
    items = make_items(
        {"item": "in", "answers": ["New Delhi", "Delhi"]},
        {"item": "half", "answers": ["नई दिल्ली"]},
        {"item": "none", "answers": ["Lima"]},
        {"item": "odd", "answers": ["…"]},
    )
    said = make_generations({"in": "It is delhi.", "half": "दिल्ली", "none": "Quito", "odd": "x"})
    made = rouge_l.measure({"generations": said}, items).set_index("item")
    assert list(made["value"][:3]) == [1.0, 0.5, 0.0]
    assert made.loc["odd", "status"] == "unscorable"


def test_metrics_of_language_are_those_that_read_the_identifier() -> None:
    reads = [
        name
        for name in methods.names(METRICS)
        if "language_id" in methods.load(METRICS, name).NEEDS
    ]
    assert tuple(reads) == OF_LANGUAGE


def test_answers_carry_every_column(make_tokens: Any) -> None:
    tokens: pd.DataFrame = make_tokens({"a": [(-1.0, 1), (-2.0, 3)]})
    tokens["entropy"] = 0.5
    held = forced_answers(tokens)["a"]
    assert held.entropy.tolist() == [0.5, 0.5]
    assert np.isnan(held.kl_from_base).all()


def test_the_truth_ratio_is_of_geometric_means_per_token(
    make_items: Any, make_generations: Any, make_tokens: Any
) -> None:
    items = make_items({"item": "a", "answers": ["Lima"]}, {"item": "b", "answers": ["Lima"]})
    right = make_tokens({"a": [(math.log(0.5), 1)] * 2, "b": [(-1.0, 1)]})
    first = make_tokens({"a": [(math.log(0.1), 2)]})
    second = make_tokens({"a": [(math.log(0.4), 2)] * 3})
    wrong = [
        table[table["part"] == "answer"].assign(part=f"distractor-{k}")
        for k, table in enumerate((first, second))
    ]
    records = {
        "generations": make_generations({"a": "Lima", "b": "Lima"}),
        "tokens": pd.concat([right, *wrong], ignore_index=True),
    }
    w, r = math.sqrt(0.1 * 0.4), 0.5
    made = truth_ratio.measure(records, items).set_index("item")
    assert made.loc["a", "value"] == pytest.approx(w / (w + r))
    assert made.loc["b", "reason"] == truth_ratio.NONE
    useful = model_utility.measure(records, items).set_index("item")
    assert useful.loc["a", "value"] == pytest.approx(3 / (1 / 0.5 + 1 / 1.0 + 1 / (1 - w / r)))
    assert useful.loc["b", "status"] == "unscorable"
    silent = records | {"generations": make_generations({"a": "", "b": ""})}
    assert model_utility.measure(silent, items)["value"][0] == 0.0


def test_the_harmonic_mean_is_pulled_by_the_least() -> None:
    assert model_utility.harmonic([1.0, 1.0, 1.0]) == 1.0
    assert model_utility.harmonic([0.5, 1.0]) == pytest.approx(2 / 3)
    assert model_utility.harmonic([0.0, 1.0]) == 0.0
