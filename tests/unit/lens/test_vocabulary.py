from __future__ import annotations

from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from residue.core.text import shown
from residue.lens.vocabulary import token_texts


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """Byte-level, trained on a little English and Hindi, so that Hindi letters come in pieces."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(["the capital of Peru is Lima"] * 3 + ["की राजधानी"] * 2, trainer)
    return made


def test_every_token_has_a_text_that_can_be_shown(tokenizer: Any) -> None:
    text = token_texts(tokenizer)
    for token in range(tokenizer.get_vocab_size()):
        said = text(token)
        assert said
        assert shown(said) == said
        assert "\ufffd" not in said


def test_pieces_of_a_letter_are_its_bytes_and_words_are_words(tokenizer: Any) -> None:
    text = token_texts(tokenizer)
    ids = tokenizer.encode("ज़").ids
    assert "".join(map(text, ids)) == "ज़" or "\\x" in "".join(map(text, ids))
    first = tokenizer.token_to_id("à")
    assert text(first) == "\\xe0"
    assert text(tokenizer.token_to_id("<s>")) == "<s>"
    assert "".join(map(text, tokenizer.encode("the capital").ids)) == "the capital"
    assert text(10**6) == f"id {10**6}"
