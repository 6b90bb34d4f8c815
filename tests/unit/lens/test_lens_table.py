"""Lens tables: closed forms, invariance, and independence of everything that is not theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from residue.core import methods
from residue.lens.asked import AnswerIds, is_blank
from residue.lens.pairs import pair_table, rank_correlation
from residue.lens.table import SCHEMA, decode_table, jaccard, rank_of
from residue.models.head import Head
from residue.records.store import TableWriter
from residue.specs.lens import DECODERS
from tests.unit.lens_rows import (
    BLOCKS,
    VOCABULARY,
    WIDTH,
    identity_tensors,
    random_head,
    some_rows,
)  # fmt: skip

KEYS = {"lens": "raw", "arm": "npo", "pair": 0, "seed": 1, "condition": "plain"}
INVARIANT = (
    "entropy", "kl_to_final", "kl_from_final", "js_to_final", "answer_rank", "foil_rank", "margin",
    "p_answer", "answer_logit_gap", "log_odds_foil", "cos_to_final", "topk_ids",
)  # fmt: skip


class Given:
    """A decoder whose logits are the rows themselves, shifted and scaled."""

    def __init__(self, shift: float = 0.0, scale: float = 1.0) -> None:
        self.shift, self.scale = shift, scale

    def state(self, rows: np.ndarray, row: int, head: Any, tensors: Any) -> np.ndarray:
        return rows

    def decode(self, rows: np.ndarray, row: int, head: Any, tensors: Any) -> np.ndarray:
        return self.scale * np.asarray(rows, np.float64) + self.shift


def asked(n: int) -> dict[str, AnswerIds]:
    return {
        f"i{k}": AnswerIds(k % VOCABULARY, (k + 7) % VOCABULARY, tuple({1, 2, k % 5}))
        for k in range(n)
    }


def table(
    decoder: Any, rows: dict[int, np.ndarray], head: Head, top_k: int = 5, **keys: Any
) -> pa.Table:
    n = len(next(iter(rows.values())))
    return decode_table(
        [f"i{k}" for k in range(n)], rows, asked(n), head, decoder, identity_tensors(),
        keys=KEYS | keys, text=lambda token: f"\n{token}", top_k=top_k,
    )  # fmt: skip


def identity_head() -> Head:
    """A head that shows rows as logits, but for a norm without gain."""
    head = random_head()
    square = np.eye(VOCABULARY, dtype=np.float32)
    tensors = {"unembedding.weight": square, "final_norm.weight": np.ones(VOCABULARY, np.float32)}
    return Head(head.shape, head.tensors | tensors)


def logit_rows(n: int, seed: int, scale: float = 2.0) -> dict[int, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        row: (scale * rng.normal(size=(n, VOCABULARY))).astype(np.float32)
        for row in range(BLOCKS + 1)
    }


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), shift=st.floats(-1000.0, 1000.0))
def test_a_constant_added_to_all_logits_changes_nothing(seed: int, shift: float) -> None:
    head, rows = identity_head(), logit_rows(4, seed)
    plain = table(Given(), rows, head).to_pandas()
    moved = table(Given(shift), rows, head).to_pandas()
    for name in INVARIANT:
        if name == "topk_ids":
            assert all((a == b).all() for a, b in zip(plain[name], moved[name], strict=True))
        else:
            np.testing.assert_allclose(plain[name], moved[name], atol=1e-8)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), scale=st.floats(1e-3, 1e4))
def test_a_scale_changes_no_rank_no_order_and_no_cosine(seed: int, scale: float) -> None:
    head, rows = identity_head(), logit_rows(4, seed)
    plain = table(Given(), rows, head).to_pandas()
    scaled = table(Given(scale=scale), rows, head).to_pandas()
    for name in ("answer_rank", "foil_rank", "cos_to_final", "topk_jaccard_previous"):
        np.testing.assert_allclose(plain[name], scaled[name], atol=1e-9)
    assert all((a == b).all() for a, b in zip(plain["topk_ids"], scaled["topk_ids"], strict=True))


def test_ranks_survive_where_probabilities_underflow() -> None:
    logits = np.linspace(1000.0, -1000.0, VOCABULARY)[None]
    assert np.exp(logits - 1000.0)[0, -1] == 0.0
    assert rank_of(logits, np.array([VOCABULARY - 1])) == [VOCABULARY]
    assert rank_of(logits, np.array([0])) == [1]
    assert rank_of(np.zeros((1, 9)), np.array([4])) == [9]  # ties count against the token
    assert np.isnan(rank_of(logits, np.array([-1]))[0])


def test_divergences_are_not_clipped_at_a_hundred_bits() -> None:
    rows = {row: np.zeros((1, VOCABULARY), np.float32) for row in range(BLOCKS + 1)}
    rows[1][0, 3] = 1000.0
    first = table(Given(), rows, identity_head()).to_pandas().set_index("row").loc[1]
    assert first["kl_from_final"] == pytest.approx(
        (1000.0 * (1.0 - 1.0 / VOCABULARY)) / np.log(2.0) - np.log2(VOCABULARY), rel=1e-6
    )
    assert first["kl_to_final"] == pytest.approx(np.log2(VOCABULARY))


def test_the_columns_mean_what_they_say(plain_head: Head) -> None:
    n, row = 6, 1
    rows = {r: some_rows(n, seed=r) for r in range(BLOCKS + 1)}
    decoder = methods.load(DECODERS, "final_norm")
    made = table(decoder, rows, plain_head, top_k=5)
    assert made.schema == SCHEMA
    frame = made.to_pandas()
    assert frame["item"].tolist() == [f"i{k}" for k in range(n) for _ in range(BLOCKS + 1)]
    lines = frame[frame["row"] == row].reset_index(drop=True)
    logits = plain_head.logits(rows[row]).astype(np.float64)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    final = plain_head.logits(rows[BLOCKS]).astype(np.float64)
    f = np.exp(final) / np.exp(final).sum(axis=1, keepdims=True)
    order = np.argsort(-logits, axis=1)
    for k, line in lines.iterrows():
        item = asked(n)[f"i{k}"]
        others = np.delete(logits[k], item.answer)
        words = sorted(set(item.words))
        assert line["p_answer"] == pytest.approx(p[k, item.answer])
        assert line["answer_rank"] == 1 + (others >= logits[k, item.answer]).sum()
        gap = logits[k, item.answer] - others.max()
        assert line["answer_logit_gap"] == pytest.approx(gap, abs=1e-6)
        odds = logits[k, item.answer] - logits[k, item.foil]
        assert line["log_odds_foil"] == pytest.approx(odds, abs=1e-6)
        assert line["kl_to_final"] == pytest.approx((p[k] * np.log2(p[k] / f[k])).sum())
        assert line["kl_from_final"] == pytest.approx((f[k] * np.log2(f[k] / p[k])).sum())
        assert line["entropy"] == pytest.approx(-(p[k] * np.log2(p[k])).sum())
        assert line["echo_mass"] == pytest.approx(p[k, words].sum())
        near = sorted(set(words) & set(order[k, :50].tolist()))
        assert line["topk_prompt_mass"] == pytest.approx(p[k, near].sum())
        assert line["p_top5"] == pytest.approx(p[k, order[k, :5]].sum())
        assert line["topk_ids"].tolist() == order[k, :5].tolist()
        np.testing.assert_allclose(line["topk_p"], p[k, order[k, :5]])
        assert line["topk_text"][0] == f" {order[k, 0]}"  # the line break is written out
        state = plain_head.normed(rows[row], "final_norm")[k]
        weight = plain_head.tensors["unembedding.weight"][item.answer]
        cosine = state @ weight / np.linalg.norm(state) / np.linalg.norm(weight)
        assert line["cos_to_answer"] == pytest.approx(cosine, rel=1e-4)
        assert line["row_norm"] == pytest.approx(np.linalg.norm(rows[row][k]), rel=1e-6)
        before = set(np.argsort(-plain_head.logits(rows[0])[k])[:50])
        share = len(before & set(order[k, :50])) / len(before | set(order[k, :50]))
        assert line["topk_jaccard_previous"] == pytest.approx(share)
    assert frame.loc[frame["row"] == 0, "topk_jaccard_previous"].isna().all()
    last = frame[frame["row"] == BLOCKS]
    np.testing.assert_allclose(last["kl_to_final"], 0.0, atol=1e-9)
    np.testing.assert_allclose(last["cos_to_final"], 1.0)


def test_what_an_item_lacks_is_null_not_a_number(plain_head: Head) -> None:
    rows = {r: some_rows(2, seed=r) for r in range(BLOCKS + 1)}
    rows[1][1, 0] = np.nan
    made = decode_table(
        ["a", "b"], rows, {"a": AnswerIds(-1, -1, ()), "b": AnswerIds(3, 4, (5,))}, plain_head,
        methods.load(DECODERS, "raw"), {}, keys=KEYS, text=str, top_k=3,
    ).to_pandas()  # fmt: skip
    without = made[made["item"] == "a"]
    for name in ("p_answer", "answer_rank", "answer_logit_gap", "log_odds_foil", "cos_to_answer"):
        assert without[name].isna().all()
    assert without["cos_to_prompt_max"].isna().all()
    assert (without["echo_mass"] == 0.0).all()
    broken = made[(made["item"] == "b") & (made["row"] == 1)].iloc[0]
    assert np.isnan(broken["entropy"])
    assert np.isnan(broken["answer_rank"])
    assert len(broken["topk_ids"]) == 0
    assert made[(made["item"] == "b") & (made["row"] == 2)]["entropy"].notna().all()


def test_a_prompt_or_lens_more_changes_no_other_line(plain_head: Head, tmp_path: Path) -> None:
    """Nothing is kept between items, rows of other runs, or lenses: the bytes are the same."""
    rows = {r: some_rows(8, seed=r) for r in range(BLOCKS + 1)}
    fewer = {r: each[:5] for r, each in rows.items()}
    decoder = methods.load(DECODERS, "next_norm")
    alone, among = table(decoder, fewer, plain_head), table(decoder, rows, plain_head)
    table(methods.load(DECODERS, "raw"), rows, plain_head)
    again = table(decoder, fewer, plain_head)
    for name, each in (("alone", alone), ("among", among.slice(0, alone.num_rows)), ("2", again)):
        with TableWriter(tmp_path / name, 100) as file:
            file.write(each)
    assert (tmp_path / "alone").read_bytes() == (tmp_path / "2").read_bytes()
    left, right = alone.to_pandas(), among.slice(0, alone.num_rows).to_pandas()
    for name in left.columns:
        if left[name].dtype == float:
            # A matrix product of other size may round otherwise in its last digit.
            np.testing.assert_allclose(left[name], right[name], rtol=1e-5, atol=1e-6)
        elif not name.startswith("topk_p"):
            assert left[name].map(str).tolist() == right[name].map(str).tolist()


def test_norm_and_raw_are_compared_as_laws_and_as_orders(plain_head: Head) -> None:
    rows = {r: some_rows(5, seed=r) for r in range(BLOCKS + 1)}
    keys = {"arm": "npo", "pair": 0, "seed": 0, "condition": "plain"}
    items = [f"i{k}" for k in range(5)]
    made = pair_table(items, rows, asked(5), plain_head, keys=keys).to_pandas()
    alone = {
        name: table(methods.load(DECODERS, name), rows, plain_head).to_pandas()
        for name in ("next_norm", "raw")
    }
    assert (made["answer_rank_norm"] == alone["next_norm"]["answer_rank"]).all()
    assert (made["answer_rank_raw"] == alone["raw"]["answer_rank"]).all()
    np.testing.assert_allclose(made["entropy_raw"], alone["raw"]["entropy"])
    firsts = [[ids[0] for ids in alone[name]["topk_ids"]] for name in ("next_norm", "raw")]
    assert made["top1_agrees"].tolist() == [a == b for a, b in zip(*firsts, strict=True)]
    assert made["l1"].between(0.0, 2.0).all()
    assert made["js"].between(0.0, 1.0).all()
    gain = {f"norm_{r}.weight": np.ones(WIDTH, np.float32) for r in range(BLOCKS)}
    gain |= {"final_norm.weight": np.ones(WIDTH, np.float32)}
    even = Head(plain_head.shape, plain_head.tensors | gain)
    same = pair_table(items, rows, asked(5), even, keys=keys)
    # Without gains a norm only scales: orders are the same, laws are not.
    np.testing.assert_allclose(same["spearman_50"].to_numpy(), 1.0)
    np.testing.assert_allclose(same["jaccard_50"].to_numpy(), 1.0)
    assert (same["kl_norm_raw"].to_numpy() > 0.01).all()


def test_rank_correlation_is_scipys() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 9, size=(6, 12)).astype(float)
    wanted = [spearmanr(line, -np.arange(12)).statistic for line in values]
    np.testing.assert_allclose(rank_correlation(values), wanted)


def test_jaccard_counts_shared_ids() -> None:
    assert jaccard(np.array([[1, 2, 3]]), np.array([[3, 4, 1]]))[0] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("text", "blank"),
    [(" ", True), ("。", True), ("“", True), ("\n", True), ("€", True), ("a", False),
     (" की", False), ("7", False), ("\ufffd", False)],
)  # fmt: skip
def test_blanks_are_told_by_unicode_category(text: str, blank: bool) -> None:
    assert is_blank(text) == blank
