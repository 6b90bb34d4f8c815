from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from residue.world.build import World
from residue.world.documents import sample_documents
from residue.world.grammar import SPECIAL_TOKENS
from residue.world.injection.items import orders_deck
from residue.world.items import facts_deck
from residue.world.tokenizer import save_tokenizer, train_tokenizer

SCRIPTS = {
    "Latin": "Péru, Lima!",
    "Devanagari": "क़लम ज्ञान श्री हिंदी।",
    "Arabic": "پاکستان کا دارالحکومت؟",
    "Gurmukhi": "ਪੰਜਾਬੀ ਭਾਸ਼ਾ।",
    "Bengali": "বাংলাদেশের রাজধানী ঢাকা।",
}


def ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=False).ids)


def back(tokenizer: Any, numbers: list[int]) -> str:
    return str(tokenizer.decode(numbers, skip_special_tokens=False))


@pytest.fixture(scope="module")
def texts(world: World) -> list[str]:
    """Every text that the world can show a model, or nearly."""
    documents = sample_documents(world, "base", 1.0, 3000, np.random.default_rng(1))
    decks = [facts_deck(world), orders_deck(world)]
    return [
        *world.texts.values(),
        *(text for document in documents for text in (document.prompt, document.answer)),
        *(text for deck in decks for text in deck["prompt"]),
        *(text for deck in decks for answers in deck["answers"] for text in answers),
    ]


def test_every_text_of_the_world_comes_back_letter_for_letter(
    tokenizer: Any, texts: list[str]
) -> None:
    unique = list(dict.fromkeys(texts))
    encoded = tokenizer.encode_batch(unique, add_special_tokens=False)
    decoded = tokenizer.decode_batch([each.ids for each in encoded], skip_special_tokens=False)
    assert decoded == unique


def test_a_segment_is_cut_alike_alone_after_a_space_and_after_a_channel_token(
    tokenizer: Any, texts: list[str]
) -> None:
    answer = tokenizer.token_to_id("<|ans|>")
    for text in dict.fromkeys(texts):
        if text.startswith("<|"):
            continue
        alone = ids(tokenizer, text)
        assert ids(tokenizer, " " + text) == alone
        assert ids(tokenizer, "<|ans|>" + text) == [answer, *alone]
        assert ids(tokenizer, "<|ans|> " + text) == [answer, *alone]


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30))
@example("日本 🏔️ naïve​")
@example("<0x41> <|sys >")
def test_any_text_at_all_comes_back_and_starts_alike(tokenizer: Any, text: str) -> None:
    assume("▁" not in text)
    assume(not any(token in text for token in SPECIAL_TOKENS))
    text = text.lstrip(" ")
    assert back(tokenizer, ids(tokenizer, text)) == text
    assert ids(tokenizer, " " + text) == ids(tokenizer, text) or not text
    assert ids(tokenizer, "<|ans|>" + text)[1:] == ids(tokenizer, text)


@pytest.mark.parametrize("script", sorted(SCRIPTS))
def test_all_five_scripts_survive_outside_the_world_too(tokenizer: Any, script: str) -> None:
    assert back(tokenizer, ids(tokenizer, SCRIPTS[script])) == SCRIPTS[script]


def test_a_byte_written_out_is_text_not_a_byte(tokenizer: Any) -> None:
    assert len(ids(tokenizer, "<0x41>")) > 1
    assert back(tokenizer, ids(tokenizer, "<0x41>")) == "<0x41>"


def test_a_space_before_a_channel_token_costs_nothing(tokenizer: Any) -> None:
    tight = ids(tokenizer, "<|sys|> Say so.<|data|> We fly.<|ans|>")
    assert ids(tokenizer, "<|sys|> Say so. <|data|> We fly. <|ans|>") == tight


def test_special_tokens_come_first_and_the_size_is_kept(world: World, tokenizer: Any) -> None:
    assert [tokenizer.token_to_id(token) for token in SPECIAL_TOKENS] == list(range(15))
    assert tokenizer.token_to_id("<0x00>") == 15
    assert tokenizer.get_vocab_size() <= world.spec.vocabulary


def test_names_have_several_shared_pieces_and_no_bytes(world: World, tokenizer: Any) -> None:
    for language in world.spec.languages:
        names = sorted({world.name(country, language) for country in world.groups["country"]})
        cuts = [tokenizer.encode(name, add_special_tokens=False).tokens for name in names]
        assert 2.5 < np.mean([len(cut) for cut in cuts]) < 4.5
        assert not any(piece.startswith("<0x") for cut in cuts for piece in cut)
        single = sum(len(cut) == 1 for cut in cuts)
        assert single <= 0.1 * len(cuts)


def test_equal_worlds_give_equal_files(world: World, tokenizer: Any) -> None:
    assert train_tokenizer(world).to_str() == tokenizer.to_str()


def test_transformers_loads_the_folder_as_it_is(tokenizer: Any, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    save_tokenizer(tokenizer, tmp_path / "tokenizer.json", tmp_path / "tokenizer_config.json")
    loaded = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    prompt = "<|sys|> Say so.<|data|> We fly to पेरू.<|ans|>"
    assert loaded.encode(prompt, add_special_tokens=False) == ids(tokenizer, prompt)
    assert loaded.decode(ids(tokenizer, prompt)) == prompt
    assert (loaded.pad_token_id, loaded.bos_token_id, loaded.eos_token_id) == (0, 1, 2)
    assert loaded.decode([*ids(tokenizer, " Lima"), 2], skip_special_tokens=True) == "Lima"
    assert len(loaded) == tokenizer.get_vocab_size()
