"""The plain tokenizer gives the ids that the models' own gives, and shows tokens as they join."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tokenizers import decoders

from residue.models.encoding import encode_answers, encode_prompts
from residue.models.loading import load_tokenizer
from residue.models.plain_tokenizer import PlainTokenizer
from tests.own_model import save_random_model

TEXTS = ["The capital of Peru", "पेरू की राजधानी", "", "a  b\nc"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random_model(tmp_path_factory.mktemp("model"))


def test_ids_are_those_of_transformers(folder: Path) -> None:
    plain, usual = PlainTokenizer(folder / "tokenizer.json"), load_tokenizer(folder)
    kept = [text for text in TEXTS if text]
    assert plain.prompts(kept) == [ids[1:] for ids in encode_prompts(usual, kept)]
    assert plain.first_ids(TEXTS[:2]) == [ids[0] for ids in encode_answers(usual, TEXTS[:2])]


def test_tokens_keep_their_leading_space(word_tokenizer: Any, tmp_path: Path) -> None:
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    usual = word_tokenizer(**names)
    usual.backend_tokenizer.decoder = decoders.Metaspace()
    usual.save_pretrained(tmp_path)
    plain = PlainTokenizer.of([tmp_path / "tokenizer_config.json", tmp_path / "tokenizer.json"])
    vocabulary = load_tokenizer(tmp_path).get_vocab()
    assert plain.text(vocabulary["w3"]) == "w3"
    assert plain.text(vocabulary["▁w3"]) == " w3"


def test_a_byte_of_a_letter_is_shown_as_the_vocabulary_writes_it(folder: Path) -> None:
    plain = PlainTokenizer(folder / "tokenizer.json")
    pieces = plain.prompts(["क"])[0]
    assert len(pieces) == 3
    assert all("\ufffd" not in plain.text(piece) and plain.text(piece) for piece in pieces)


def test_a_folder_without_a_fast_tokenizer_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no tokenizer"):
        PlainTokenizer.of([tmp_path / "config.json"])
