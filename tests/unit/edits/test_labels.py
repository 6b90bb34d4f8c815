"""Which tokens are learnt: the answer's and the end token, by index, for any tokenizer."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from residue.edits.answers import Example, encode, score
from residue.models.encoding import encode_answer, encode_prompt
from residue.models.lean import lean_transformers

KINDS = ("letters", "bytes", "prepending")
TEXTS = st.text("abc xyz.ñहिं\n", min_size=1, max_size=12).filter(lambda text: text.strip() != "")


@cache
def tokenizer(kind: str, side: str) -> Any:
    """With a start token or none, of letters or bytes, prepending a space or not; pad is end."""
    lean_transformers()
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = {"eos_token": "</s>", "pad_token": "</s>"}
    if kind == "bytes":
        letters = sorted(pre_tokenizers.ByteLevel.alphabet())
        words = {word: i for i, word in enumerate(["</s>", *letters, "Ġa", "ab"])}
        inner = Tokenizer(models.BPE(words, [("Ġ", "a"), ("a", "b")]))
        inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        inner.decoder = decoders.ByteLevel()
    else:
        names = ["<s>", "</s>", "<unk>", "▁", *"abcxyz .\n", "▁a", "▁x"]
        inner = Tokenizer(models.WordLevel({n: i for i, n in enumerate(names)}, unk_token="<unk>"))
        special |= {"bos_token": "<s>", "unk_token": "<unk>"}
        inner.pre_tokenizer = (
            pre_tokenizers.Metaspace(prepend_scheme="always")
            if kind == "prepending"
            else pre_tokenizers.Split("", "isolated")
        )
    return PreTrainedTokenizerFast(tokenizer_object=inner, padding_side=side, **special)


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(KINDS), side=st.sampled_from(["left", "right"]), prompt=TEXTS, answer=TEXTS
)
def test_labels_are_the_answer_and_one_end_token(
    kind: str, side: str, prompt: str, answer: str
) -> None:
    """The prompt's ids do not depend on the answer, nor the answer's on the prompt; the end token
    is learnt though it is the pad token as well."""
    used = tokenizer(kind, side)
    example = encode(used, "i", prompt, answer)
    assert list(example.ids[: example.start]) == encode_prompt(used, prompt)
    assert list(example.ids[example.start :]) == encode_answer(used, answer)
    assert example.ids[-1] == used.eos_token_id
    assert example.ids[example.start : -1].count(used.eos_token_id) == 0
    other = encode(used, "i", prompt, answer + "z")
    assert other.start == example.start


@given(changed=st.integers(3, 6))
@settings(max_examples=8, deadline=None)
def test_each_label_is_said_from_the_token_before_it(changed: int) -> None:
    """A changed answer token changes no law up to itself, its own loss, and later laws."""
    model = letters_model()
    ids = (1, 5, 6, 7, 8, 9, 10, 2)
    other = tuple(11 if place == changed else i for place, i in enumerate(ids))
    with torch.no_grad():
        one, two = (score(model, [Example("i", each, 3)]) for each in (ids, other))
    at = changed - 3
    torch.testing.assert_close(one.logits[: at + 1], two.logits[: at + 1])
    assert one.tokens[at] != two.tokens[at]
    assert all((one.logits[i] != two.logits[i]).any() for i in range(at + 1, len(one.logits)))


@cache
def letters_model() -> Any:
    """A small random Llama."""
    lean_transformers()
    from transformers.models.llama.configuration_llama import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=16,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        initializer_range=0.3,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return LlamaForCausalLM(config).eval()


@pytest.mark.parametrize("kind", KINDS)
def test_padding_settings_of_a_tokenizer_play_no_part(kind: str) -> None:
    left, right = (encode(tokenizer(kind, side), "i", "abc", "x") for side in ("left", "right"))
    assert left == right
