"""A tokenizer.json as ids and texts, without `transformers`: for tables that load no model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from residue.core.artifacts import read_json
from residue.models.encoding import encode_answers, encode_prompts

ANCHOR = "x"
"""A letter before a token, so that the decoder does not strip the token's leading space."""
BROKEN = "\ufffd"


class PlainTokenizer:
    """Calls as `models.encoding` makes them; it adds no start token, so a prompt's ids are the
    prompt's own."""

    bos_token_id = None
    pad_token_id = None

    def __init__(self, file: Path) -> None:
        from tokenizers import Tokenizer

        self._inner = Tokenizer.from_file(str(file))
        self._inner.no_padding()
        self._inner.no_truncation()
        self.eos_token_id = self._end(file)
        self.name_or_path = str(file)
        self.text = cache(self._text)
        """Text of one token, its leading space kept; see `_text`."""

    @classmethod
    def of(cls, files: Sequence[Path]) -> PlainTokenizer:
        """The tokenizer among a model's files."""
        for file in files:
            if file.name == "tokenizer.json":
                return cls(file)
        raise FileNotFoundError("the model's folder holds no tokenizer.json; save a fast tokenizer")

    def __call__(self, texts: list[str], **_: object) -> dict[str, list[list[int]]]:
        encoded = self._inner.encode_batch(texts, add_special_tokens=False)
        return {"input_ids": [each.ids for each in encoded]}

    def prompts(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of prompts, without a start token."""
        return encode_prompts(self, texts)

    def first_ids(self, answers: Sequence[str]) -> list[int]:
        """The first id of each answer as a model is to say it, after a space."""
        return [ids[0] for ids in encode_answers(self, answers)]

    def _end(self, file: Path) -> int:
        config = file.with_name("tokenizer_config.json")
        token = read_json(config).get("eos_token") if config.is_file() else None
        name = token.get("content") if isinstance(token, dict) else token
        found = self._inner.token_to_id(name) if name else None
        # Only the end of an answer, which `first_ids` does not look at.
        return 0 if found is None else int(found)

    def _text(self, token: int) -> str:
        """What a token adds to a text; a piece of a letter's bytes, or nothing, as the vocabulary
        writes it."""
        anchor = self._inner.encode(ANCHOR, add_special_tokens=False).ids
        start = self._inner.decode(anchor, skip_special_tokens=False)
        whole = self._inner.decode([*anchor, token], skip_special_tokens=False)
        text = whole.removeprefix(start)
        if whole.startswith(start) and text and BROKEN not in text:
            return str(text)
        return str(self._inner.id_to_token(token) or "")
