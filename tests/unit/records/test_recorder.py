"""The recorder against one item at a time, read whole, without cache, padding or batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from residue.models.encoding import encode_answer, encode_prompt
from residue.records.recorder import record
from residue.records.store import RecordBatch
from residue.specs.records import RecordsSpec

Build = Callable[[int], Any]
SPEC = RecordsSpec(max_new_tokens=6, places=("last", "mean", "answer-1"))


def tables(batches: Iterator[RecordBatch]) -> dict[str, pd.DataFrame]:
    """All batches as data frames, in one order whatever the batches were."""
    found = list(batches)
    keys = {
        "generations": ["item"],
        "tokens": ["item", "part", "position"],
        "rows": ["item", "place"],
    }
    return {
        name: pd.concat([getattr(batch, name).to_pandas() for batch in found])
        .sort_values(by)
        .reset_index(drop=True)
        for name, by in keys.items()
    }


def laws(model: Any, ids: list[int]) -> np.ndarray:
    with torch.no_grad():
        logits = model(torch.tensor([ids]), use_cache=False).logits[0]
    return logits.double().log_softmax(dim=1).numpy()


def vectors(rows: pd.DataFrame, column: str) -> np.ndarray:
    return np.stack(rows[column].to_list())


def assert_same(one: dict[str, pd.DataFrame], other: dict[str, pd.DataFrame]) -> None:
    pd.testing.assert_frame_equal(one["generations"], other["generations"])
    exact = ["item", "part", "position", "id", "rank"]
    pd.testing.assert_frame_equal(one["tokens"][exact], other["tokens"][exact])
    for column in ("logp", "entropy", "logp_deviation"):
        a, b = one["tokens"][column].to_numpy(), other["tokens"][column].to_numpy()
        np.testing.assert_allclose(a, b, atol=1e-5, equal_nan=True)
    assert one["rows"][["item", "place"]].equals(other["rows"][["item", "place"]])
    for column in one["rows"].columns[2:]:
        np.testing.assert_allclose(
            vectors(one["rows"], column), vectors(other["rows"], column), rtol=1e-4, atol=1e-4
        )


def test_scores_are_those_of_each_item_read_alone_and_whole(
    model: Any, tokenizer: Any, items: pd.DataFrame
) -> None:
    spec = RecordsSpec(max_new_tokens=4, prompt_tokens="laws")
    tokens = tables(record(model, tokenizer, items, spec))["tokens"].groupby(["item", "part"])
    for item in items.itertuples():
        prompt = encode_prompt(tokenizer, item.prompt)
        answer = encode_answer(tokenizer, item.answers[0]) if item.answers else []
        log_p = laws(model, prompt + answer)
        for part, ids, start in (("prompt", prompt, 0), ("answer", answer, len(prompt))):
            if not ids:
                assert (item.item, part) not in tokens.groups
                continue
            told = tokens.get_group((item.item, part))
            assert told["id"].to_list() == ids
            first = 1 if part == "prompt" else 0
            assert told["logp"].isna().sum() == first
            told = told.iloc[first:]
            law = log_p[start + first - 1 : start + len(ids) - 1]
            chosen = law[np.arange(len(law)), ids[first:]]
            entropy = -(np.exp(law) * law).sum(axis=1)
            deviation = np.sqrt((np.exp(law) * (law + entropy[:, None]) ** 2).sum(axis=1))
            np.testing.assert_allclose(told["logp"], chosen, atol=1e-5)
            np.testing.assert_array_equal(told["rank"], (law >= chosen[:, None]).sum(axis=1))
            np.testing.assert_allclose(told["entropy"], entropy, atol=1e-5)
            np.testing.assert_allclose(told["logp_deviation"], deviation, atol=1e-4)


def test_answers_are_those_of_a_greedy_loop_without_cache(
    model: Any, tokenizer: Any, items: pd.DataFrame
) -> None:
    said = tables(record(model, tokenizer, items, SPEC))["generations"].set_index("item")
    for item in items.itertuples():
        ids = encode_prompt(tokenizer, item.prompt)
        limit = max(6, len(encode_answer(tokenizer, item.answers[0])) if item.answers else 0)
        greedy: list[int] = []
        while len(greedy) < limit and 2 not in greedy:
            greedy.append(int(laws(model, ids + greedy)[-1].argmax()))
        expected = [token for token in greedy if token != 2]
        assert said.loc[item.item, "ids"].tolist() == expected
        stop = "length" if 2 not in greedy else "eos" if expected else "empty"
        assert said.loc[item.item, "stop"] == stop


def test_an_answer_read_as_the_likeliest_is_said_without_further_passes(
    build_llama: Build, teach: Any, tokenizer: Any, items: pd.DataFrame
) -> None:
    model = build_llama(0)
    taught = items[items["answers"].map(len) > 0].iloc[:6]
    teach(model, taught, steps=60)
    passes: list[int] = []
    handle = model.register_forward_hook(lambda *_: passes.append(1))
    told = tables(record(model, tokenizer, taught, SPEC))
    handle.remove()
    assert told["tokens"].query("part == 'answer'")["rank"].eq(1).all()
    said = told["generations"].set_index("item")
    assert (said["stop"] == "eos").all()
    assert said["text"].to_dict() == dict(
        zip(taught["item"], taught["answers"].str[0], strict=True)
    )
    assert len(passes) == 2
    # The same items among others: the likeliest answers stay what a loop token by token gives.
    test_answers_are_those_of_a_greedy_loop_without_cache(model, tokenizer, items)


def test_company_and_padding_change_nothing(
    model: Any, tokenizer: Any, items: pd.DataFrame
) -> None:
    together = tables(record(model, tokenizer, items, SPEC, batch_tokens=10_000))
    for batch_tokens in (1, 90):
        assert_same(
            tables(record(model, tokenizer, items, SPEC, batch_tokens=batch_tokens)), together
        )


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 9), batch_tokens=st.integers(1, 300))
def test_any_company_changes_nothing(
    llama: Any, tokenizer: Any, make_items: Any, seed: int, size: int, batch_tokens: int
) -> None:
    deck = make_items(size, seed)
    together = tables(record(llama, tokenizer, deck, SPEC, batch_tokens=batch_tokens))
    alone = tables(
        batch for row in range(size) for batch in record(llama, tokenizer, deck.iloc[[row]], SPEC)
    )
    assert_same(alone, together)


def test_the_order_of_items_does_not_matter(
    llama: Any, tokenizer: Any, items: pd.DataFrame
) -> None:
    shuffled = items.sample(frac=1.0, random_state=1)
    pairs = zip(
        record(llama, tokenizer, items, SPEC, batch_tokens=120),
        record(llama, tokenizer, shuffled, SPEC, batch_tokens=120),
        strict=True,
    )
    for one, other in pairs:
        assert one.generations.equals(other.generations)
        assert one.tokens.equals(other.tokens)
        assert one.rows.equals(other.rows)


def test_row_n_is_what_the_final_norm_reads(
    llama: Any, tokenizer: Any, items: pd.DataFrame
) -> None:
    rows = tables(record(llama, tokenizer, items, SPEC))["rows"].set_index(["place", "item"])
    assert list(rows.columns) == ["row_0", "row_1", "row_2", "row_3"]
    for item in items.itertuples():
        ids = encode_prompt(tokenizer, item.prompt)
        answer = encode_answer(tokenizer, item.answers[0])[:-1] if item.answers else []
        with torch.no_grad():
            output = llama(torch.tensor([ids + answer]), output_hidden_states=True)
        last, mean = rows.loc[("last", item.item)], rows.loc[("mean", item.item)]
        for row in range(3):
            held = output.hidden_states[row][0].numpy()
            np.testing.assert_allclose(last[f"row_{row}"], held[len(ids) - 1], atol=1e-4)
            expected = held[1 : len(ids)].mean(axis=0)
            np.testing.assert_allclose(mean[f"row_{row}"], expected, atol=1e-4)
            if len(answer) > 1:
                told = rows.loc[("answer-1", item.item), f"row_{row}"]
                np.testing.assert_allclose(told, held[len(ids) + 1], atol=1e-4)
        normed = llama.model.norm(torch.tensor(last["row_3"]))
        logits = llama.lm_head(normed).detach()
        np.testing.assert_allclose(logits, output.logits[0, len(ids) - 1], atol=1e-3)
        post = output.hidden_states[3][0, len(ids) - 1]
        assert not np.allclose(last["row_3"], post, atol=1e-2)
        assert (("answer-1", item.item) in rows.index) == (len(answer) > 1)


def test_divergence_from_the_base_is_that_of_the_two_laws(
    build_llama: Build, tokenizer: Any, items: pd.DataFrame
) -> None:
    base, edited = build_llama(0), build_llama(1)

    @contextmanager
    def detached() -> Iterator[Any]:
        yield base

    tokens = tables(record(edited, tokenizer, items, SPEC, detached=detached))["tokens"]
    assert tokens.query("part == 'prompt'")["kl_to_base"].isna().all()
    answers = tokens.query("part == 'answer'").groupby("item")
    for item in items[items["answers"].map(len) > 0].itertuples():
        prompt, answer = encode_prompt(tokenizer, item.prompt), item.answers[0]
        ids = prompt + encode_answer(tokenizer, answer)
        log_p, log_q = (laws(each, ids)[len(prompt) - 1 : -1] for each in (edited, base))
        expected = (np.exp(log_p) * (log_p - log_q)).sum(axis=1)
        told = answers.get_group(item.item)["kl_to_base"]
        np.testing.assert_allclose(told, expected, rtol=1e-4, atol=1e-5)


def test_an_unedited_model_does_not_diverge_from_itself(
    llama: Any, tokenizer: Any, items: pd.DataFrame
) -> None:
    @contextmanager
    def detached() -> Iterator[Any]:
        yield llama

    spec = RecordsSpec(max_new_tokens=1, prompt_tokens="laws")
    tokens = tables(record(llama, tokenizer, items, spec, detached=detached))["tokens"]
    told = tokens["kl_to_base"].dropna()
    assert len(told) == tokens["logp"].notna().sum()
    assert told.between(0.0, 1e-6).all()


def test_items_that_cannot_be_asked_in_full_keep_their_line(llama: Any, tokenizer: Any) -> None:
    deck = pd.DataFrame(
        {
            "item": ["fine", "no-answer", "blank-answer", "no-prompt", "too-long", "just-fits"],
            "prompt": ["abc", "abc", "abc", "", "a" * 63, "a" * 60],
            "answers": [["d"], [], [""], ["d"], ["bcd"], ["b"]],
        }
    )
    told = tables(record(llama, tokenizer, deck, SPEC))
    said = told["generations"].set_index("item")
    assert set(said.index) == set(deck["item"])
    assert said.loc["too-long", "stop"] == "too_long"
    assert said.loc["too-long", "reason"] == "prompt and answer need 69 tokens, the model reads 64"
    assert said.loc["no-answer", "reason"] == said.loc["blank-answer", "reason"]
    assert said.loc["no-answer", "reason"] == "no accepted answer"
    assert said.loc[["no-answer", "blank-answer"], "ids"].map(len).eq(6).all()
    # 62 tokens of prompt leave room for two that are read back and one that is not.
    assert len(said.loc["just-fits", "ids"]) <= 3
    assert "too-long" not in set(told["tokens"]["item"])
    assert set(told["rows"].query("place == 'last'")["item"]) == set(deck["item"]) - {"too-long"}


def test_a_long_answer_or_witness_is_never_cut_by_the_limit(llama: Any, tokenizer: Any) -> None:
    deck = pd.DataFrame(
        {
            "item": ["short", "answer", "witness"],
            "prompt": ["abc"] * 3,
            "answers": [["d"], ["d", "defghijk"], ["d"]],
            "witness": [None, "", "defghijkl"],
        }
    )
    said = tables(record(llama, tokenizer, deck, RecordsSpec(max_new_tokens=2)))["generations"]
    lengths = dict(zip(said["item"], said["ids"].map(len), strict=True))
    assert (said["stop"] == "length").all()
    assert lengths == {"short": 3, "answer": 10, "witness": 11}


def test_a_broken_model_is_reported_item_by_item(
    build_llama: Build, tokenizer: Any, items: pd.DataFrame
) -> None:
    model = build_llama(0)
    model.lm_head.weight.data[5] = float("nan")
    told = tables(record(model, tokenizer, items, SPEC))
    assert (told["generations"]["stop"] == "failed").all()
    assert (told["generations"]["reason"] == "the model's logits are not finite").all()
    assert told["tokens"]["logp"].isna().all()
    assert told["tokens"]["rank"].isna().all()


@pytest.mark.parametrize(
    ("kept", "scored", "with_laws"),
    [("none", False, False), ("scores", True, False), ("laws", True, True)],
)
def test_prompt_tokens_are_kept_as_asked(
    llama: Any, tokenizer: Any, items: pd.DataFrame, kept: Any, scored: bool, with_laws: bool
) -> None:
    spec = RecordsSpec(max_new_tokens=1, prompt_tokens=kept)
    tokens = tables(record(llama, tokenizer, items, spec))["tokens"]
    prompts = tokens.query("part == 'prompt'")
    assert bool(len(prompts)) == scored
    assert prompts["rank"].notna().any() == scored
    assert prompts["entropy"].notna().any() == with_laws
    assert tokens.query("part == 'answer'")["entropy"].notna().all()


def test_recording_streams_and_leaves_no_trace(
    llama: Any, tokenizer: Any, items: pd.DataFrame
) -> None:
    asked = []
    handle = llama.register_forward_hook(lambda *_: asked.append(1))
    state = torch.random.get_rng_state()
    stream = record(llama, tokenizer, items, SPEC, batch_tokens=60)
    next(stream)
    after_one = len(asked)
    list(stream)
    handle.remove()
    assert len(asked) > 2 * after_one
    assert torch.equal(state, torch.random.get_rng_state())
    assert not any(module._forward_pre_hooks for module in llama.modules())


def test_faults_are_named(build_llama: Build, tokenizer: Any, items: pd.DataFrame) -> None:
    model = build_llama(0)
    with pytest.raises(ValueError, match="item-003' is in the deck twice"):
        list(record(model, tokenizer, pd.concat([items, items.iloc[[3]]]), SPEC))
    with pytest.raises(ValueError, match=r"call \.eval\(\)"):
        list(record(model.train(), tokenizer, items, SPEC))


def test_wrong_answers_are_read_like_the_right_one_and_change_nothing_else(
    model: Any, tokenizer: Any, items: pd.DataFrame
) -> None:
    pool = sorted({answer for answers in items["answers"] for answer in answers})
    asked = items.assign(distractors=[pool[: n % 3] for n in range(len(items))])
    plain = tables(record(model, tokenizer, asked, SPEC))
    spec = RecordsSpec(max_new_tokens=6, places=SPEC.places, distractors=2)
    found = tables(record(model, tokenizer, asked, spec))
    wrong = found["tokens"]["part"].str.startswith("distractor")
    assert_same({**found, "tokens": found["tokens"][~wrong].reset_index(drop=True)}, plain)
    of = found["tokens"].groupby(["item", "part"])
    for item in asked.itertuples():
        prompt = encode_prompt(tokenizer, item.prompt)
        for k in range(2):
            if k >= len(item.distractors):
                assert (item.item, f"distractor-{k}") not in of.groups
                continue
            ids = encode_answer(tokenizer, item.distractors[k])
            told = of.get_group((item.item, f"distractor-{k}"))
            assert told["id"].to_list() == ids
            law = laws(model, prompt + ids)[len(prompt) - 1 : -1]
            np.testing.assert_allclose(told["logp"], law[np.arange(len(ids)), ids], atol=1e-5)
