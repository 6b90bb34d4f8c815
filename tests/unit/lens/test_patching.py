"""Patching against a closed form, against a naive second way, and against its own limits."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from residue.lens.patched_depth import NO_ROW, NOT_FINITE, UNKNOWN, chosen, depth, table
from residue.lens.patching import Askable, ask, patched, source_rows, spoken
from residue.measure.table import measure_all
from residue.models.blocks import describe, row_hooks
from residue.records.queries import Query
from residue.specs.patching import PatchingSpec
from tests.unit.models.conftest import KINDS, random_model

END = 2
THRESHOLD = 0.05


def query(item: str, prompt: list[int], answer: list[int]) -> Query:
    return Query(item, (1, *prompt), (*answer, END), 16, "", True)


ASKED = Askable(
    [
        [query("a", [5, 9, 30], [7]), query("b", [44], [8, 50, 13])],
        [query("c", [21, 3, 17, 9], [40, 6])],
    ],
    {},
)


def naive(base: Any, source: Any, one: Query) -> np.ndarray:
    """Rows 1 … n of one item by whole forward passes: no cache, no padding, no batch."""
    ids = torch.tensor([[*one.prompt, *spoken(one)[:-1]]])
    start = len(one.prompt) - 1
    wanted = torch.tensor(spoken(one))
    architecture = describe(base)
    places = [*architecture.blocks, architecture.final_norm]
    with torch.no_grad(), row_hooks(source) as rows:
        source(ids)
        held = rows.stacked()
    values = []
    for row in range(1, len(places)):

        def put(_: Any, args: tuple[Any, ...], row: int = row) -> tuple[Any, ...]:
            vectors = args[0].clone()
            vectors[:, start:] = held[row][:, start:]
            return (vectors, *args[1:])

        handle = places[row].register_forward_pre_hook(put)
        with torch.no_grad():
            law = base(ids).logits[0, start:].log_softmax(dim=1)
        handle.remove()
        values.append(law[torch.arange(len(wanted)), wanted].mean().item())
    return np.array(values)


@pytest.mark.parametrize("kind", KINDS)
def test_batches_and_caches_change_nothing(models: dict[str, Any], kind: str) -> None:
    base, source = models[kind], random_model(kind, seed=1)
    plain, with_rows = patched(base, ASKED, 0, [source_rows(source, ASKED, 0)])
    for place, one in enumerate(ASKED.queries):
        np.testing.assert_allclose(with_rows[0, :, place], naive(base, source, one), atol=2e-5)
        # The base's own rows give the base's own answer.
        np.testing.assert_allclose(plain[place], naive(base, base, one)[0], atol=2e-5)


def linear_twin(model: Any, matrices: list[np.ndarray]) -> Any:
    """A Llama of two blocks that only add a matrix times their normalised input."""
    twin = deepcopy(model)
    twin.config.num_hidden_layers = len(matrices)
    twin.model.layers = twin.model.layers[: len(matrices)]
    for block, matrix in zip(twin.model.layers, matrices, strict=True):
        torch.nn.init.zeros_(block.self_attn.o_proj.weight)
        torch.nn.init.ones_(block.post_attention_layernorm.weight)
        block.mlp = torch.nn.Linear(*matrix.T.shape, bias=False)
        block.mlp.weight = torch.nn.Parameter(torch.tensor(matrix, dtype=torch.float32))
    return twin.eval()


def test_two_linear_blocks_in_closed_form(models: dict[str, Any]) -> None:
    """Without attention positions stand alone: h ← h + A · h / rms(h), twice, then W · norm."""
    rng = np.random.default_rng(0)
    first, second, other = rng.normal(0, 0.5, (3, 16, 16))
    base = linear_twin(models["llama"], [first, second])
    source = linear_twin(models["llama"], [other, other])
    weights = {k: v.detach().double().numpy() for k, v in base.named_parameters()}
    embedding, eps = weights["model.embed_tokens.weight"], base.config.rms_norm_eps

    def normed(h: np.ndarray) -> np.ndarray:
        return h / np.sqrt((h**2).mean() + eps)

    def logp(h: np.ndarray, token: int) -> float:
        z = weights["lm_head.weight"] @ (normed(h) * weights["model.norm.weight"])
        return float(z[token] - np.log(np.exp(z).sum()))

    one = query("b", [44], [8, 50, 13])
    expected = {"plain": [], 1: [], 2: []}
    for read, said in zip([44, 8, 50], [8, 50, 13], strict=True):
        own = embedding[read] + first @ normed(embedding[read])
        theirs = embedding[read] + other @ normed(embedding[read])
        expected["plain"].append(logp(own + second @ normed(own), said))
        expected[1].append(logp(theirs + second @ normed(theirs), said))
        expected[2].append(logp(theirs + other @ normed(theirs), said))
    asked = Askable([[one]], {})
    plain, with_rows = patched(base, asked, 0, [source_rows(source, asked, 0)])
    np.testing.assert_allclose(plain, np.mean(expected["plain"]), rtol=1e-5)
    np.testing.assert_allclose(
        with_rows[0, :, 0], [np.mean(expected[1]), np.mean(expected[2])], rtol=1e-5
    )


def test_the_base_scores_0_and_the_oracle_1(models: dict[str, Any]) -> None:
    base, oracle = models["llama"], random_model("llama", seed=1)
    rows = [source_rows(model, ASKED, 0) for model in (oracle, base, oracle)]
    plain, with_rows = patched(base, ASKED, 0, rows)
    s1, of_base, of_oracle = plain[:, None] - with_rows.transpose(0, 2, 1)
    np.testing.assert_allclose(of_base, 0, atol=2e-6)
    lacking = (s1 > THRESHOLD).any(axis=1)
    assert lacking.any()
    np.testing.assert_allclose(depth(s1, of_base, THRESHOLD)[lacking], 0, atol=1e-5)
    assert (depth(s1, of_oracle, THRESHOLD)[lacking] == 1).all()


def test_an_edit_nearer_to_the_oracle_lies_deeper(models: dict[str, Any]) -> None:
    """Row n on the way from base to oracle: the last row's loss grows, and the score with it."""
    base = models["llama"]
    oracle = deepcopy(base)
    with torch.no_grad():
        oracle.model.layers[2].mlp.down_proj.weight.neg_()
    scores = []
    for share in (0.0, 0.25, 0.5, 1.0):
        arm = deepcopy(base)
        with torch.no_grad():
            arm.model.layers[2].mlp.down_proj.weight.mul_(1 - 2 * share)
        rows = [source_rows(model, ASKED, 0) for model in (oracle, arm)]
        plain, with_rows = patched(base, ASKED, 0, rows)
        s1, s2 = plain[:, None] - with_rows.transpose(0, 2, 1)
        assert np.abs(s1[:, :-1]).max() < 1e-5  # only the last row differs
        scores.append(depth(s1, s2, THRESHOLD))
    found = np.array(scores)[:, ~np.isnan(scores[0])]
    assert found.shape[1]
    assert (np.diff(found, axis=0) >= -1e-6).all()
    np.testing.assert_allclose(
        found[[0, -1]], [[0] * found.shape[1], [1] * found.shape[1]], atol=1e-5
    )


LOSSES = arrays(np.float64, (3, 4), elements=st.floats(-3, 8))


@given(LOSSES, LOSSES)
def test_depth_is_the_published_formula(s1: np.ndarray, s2: np.ndarray) -> None:
    for ours, ones, others in zip(depth(s1, s2, THRESHOLD), s1, s2, strict=True):
        pairs = [(a, b) for a, b in zip(ones, others, strict=True) if a > THRESHOLD]
        if not pairs:
            assert np.isnan(ours)
            continue
        published = sum(a * min(max(b / a, 0), 1) for a, b in pairs) / sum(a for a, _ in pairs)
        np.testing.assert_allclose(ours, published, atol=1e-12)


@given(LOSSES, LOSSES, st.floats(0, 2))
def test_depth_lies_in_0_to_1_and_never_falls_with_a_loss(
    s1: np.ndarray, s2: np.ndarray, more: float
) -> None:
    low, high = depth(s1, s2, THRESHOLD), depth(s1, s2 + more, THRESHOLD)
    known = ~np.isnan(low)
    assert ((low[known] >= 0) & (high[known] <= 1 + 1e-12)).all()
    assert (high[known] >= low[known]).all()


def facts() -> pd.DataFrame:
    plain = {"deck": "facts", "style": "plain", "family": "seen", "language": "en"}
    splits = ("forget_test", "forget_test", "retain_untouched", "dev_forget", "forget_test")
    frame = pd.DataFrame(
        [
            plain | {"item": item, "split": split}
            for item, split in zip("abcde", splits, strict=True)
        ]
    )
    frame.loc[frame["item"] == "e", "language"] = "bn"
    return frame.assign(prompt="w1 w2", answers=[["w3"]] * 5)


def test_what_is_patched() -> None:
    items = facts()
    assert chosen(items, PatchingSpec(languages=("en",)))["item"].tolist() == ["a", "b", "c"]
    assert chosen(items, PatchingSpec())["item"].tolist() == ["a", "b", "c", "e"]
    with pytest.raises(ValueError, match=r"patching\.arms"):
        chosen(items, PatchingSpec(families=("held_out",)))


def test_unknown_facts_and_empty_answers_are_said_to_be_missing(
    models: dict[str, Any], word_tokenizer: Any
) -> None:
    items = facts()
    items["answers"] = [["w3"], ["w4 w5"], [], ["w6"], ["w7"]]
    tokenizer = word_tokenizer(bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    asked = ask(models["llama"], tokenizer, items, {"a", "b", "c"})
    assert [each.item for each in asked.queries] == ["a", "b"]
    assert asked.missing == {"c": "no accepted answer", "d": UNKNOWN, "e": UNKNOWN}
    assert [len(spoken(each)) for each in asked.queries] == [1, 2]


def test_the_table_and_its_measurements() -> None:
    base = np.array([-0.5, -1.0, -2.0])
    oracle = np.array([[-1.5, -1.0, np.nan], [-4.5, -0.5, -3.0]])
    arm = np.array([[-1.0, -2.0, -2.0], [-0.4, -1.0, -2.0]])
    made = table(["a", "b", "c"], [1, 2, 1], base, np.array([oracle, arm]), {"e": UNKNOWN}, 0.05)
    assert len(made) == 3 * 2 + 1
    # a: S1 = 1, 4; S2 = 0.5, −0.1 -> 0.5 / 5. b: the oracle lacks nothing.
    measured = measure_all(
        {"patching": made}, facts(), ["patching_depth", "patching_loss"], arm="npo", pair=0, seed=0
    )
    lines = measured.set_index(["metric", "item"])
    depths = lines.loc["patching_depth"]
    assert depths.index.tolist() == ["a", "b", "c", "e"]
    np.testing.assert_allclose(depths.loc["a", "value"], 0.1)
    assert depths["status"].tolist() == ["ok", "unscorable", "failed", "unscorable"]
    assert depths["reason"].tolist() == ["", NO_ROW, NOT_FINITE, UNKNOWN]
    losses = lines.loc["patching_loss"]
    np.testing.assert_allclose(losses["value"][:2], [0.2, 0.5])
    assert losses["status"].tolist() == ["ok", "ok", "failed", "unscorable"]


def test_no_item_at_all_gives_a_table_of_reasons(models: dict[str, Any]) -> None:
    nothing = Askable([], {"a": UNKNOWN})
    base = models["llama"]
    plain, with_rows = patched(base, nothing, 0, [source_rows(base, nothing, 0)] * 2)
    made = table([], [], plain, with_rows, nothing.missing, 0.05)
    assert made["status"].tolist() == ["unscorable"]
    assert made["row"].isna().all()
