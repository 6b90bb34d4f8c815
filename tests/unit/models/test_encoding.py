"""Prompts, answers and padded batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from residue.models.encoding import (
    encode_answer,
    encode_answers,
    encode_prompt,
    encode_prompts,
    pad_batch,
)

FULL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}


def test_prompt_starts_with_bos_and_answer_ends_with_eos(word_tokenizer: Any) -> None:
    tokenizer = word_tokenizer(**FULL)
    assert encode_prompt(tokenizer, "w0 w1") == [1, 7, 8]
    assert encode_answer(tokenizer, "w2") == [9, 2]


def test_answer_has_one_leading_space_whether_or_not_the_tokenizer_prepends_it(
    word_tokenizer: Any,
) -> None:
    prepending = encode_answer(word_tokenizer(prepend="always", **FULL), "w2")
    plain = encode_answer(word_tokenizer(prepend="never", **FULL), "w2")
    assert prepending == plain


def test_many_texts_encode_as_one_by_one(word_tokenizer: Any) -> None:
    tokenizer = word_tokenizer(**FULL)
    texts = ["w1", "w2 w3", "", "w4 w4 w4"]
    assert encode_prompts(tokenizer, texts) == [encode_prompt(tokenizer, text) for text in texts]
    assert encode_answers(tokenizer, texts) == [encode_answer(tokenizer, text) for text in texts]


def test_without_bos_the_prompt_stands_alone_and_an_empty_one_is_refused(
    word_tokenizer: Any,
) -> None:
    tokenizer = word_tokenizer(eos_token="</s>", unk_token="<unk>")
    assert encode_prompt(tokenizer, "w0") == [7]
    with pytest.raises(ValueError, match="bos_token"):
        encode_prompt(tokenizer, "")


def test_without_eos_the_tokenizer_is_named(word_tokenizer: Any) -> None:
    tokenizer = word_tokenizer(bos_token="<s>", unk_token="<unk>")
    tokenizer.name_or_path = "some/folder"
    with pytest.raises(ValueError, match="some/folder.*eos_token"):
        encode_answer(tokenizer, "w0")


def test_empty_batches_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        pad_batch([], 0)
    with pytest.raises(ValueError, match="at least one"):
        pad_batch([[1], []], 0)


@settings(max_examples=8, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    side=st.sampled_from(["left", "right"]),
    seed=st.integers(0, 100),
)
@pytest.mark.parametrize("kind", ["llama", "qwen2", "gpt2", "gpt_neox", "gemma2"])
def test_padding_changes_no_number(
    models: dict[str, Any], kind: str, lengths: list[int], side: Any, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    sequences = [rng.integers(3, 60, size=length).tolist() for length in lengths]
    batch = pad_batch(sequences, 0, side=side)
    with torch.no_grad():
        together = models[kind](**batch.inputs()).logits
        for index, (sequence, start) in enumerate(zip(sequences, batch.offsets(), strict=True)):
            alone = models[kind](torch.tensor([sequence])).logits[0]
            mine = together[index, start : start + len(sequence)]
            torch.testing.assert_close(mine, alone, atol=2e-5, rtol=1e-4)
