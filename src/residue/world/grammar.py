"""The document grammar: special tokens, and prompts in which data can never open a channel."""

from __future__ import annotations

import re

PAD, BOS, EOS, UNK = "<pad>", "<s>", "</s>", "<unk>"
SYS, DATA, ANS = "<|sys|>", "<|data|>", "<|ans|>"
SPARES = tuple(f"<|spare{i}|>" for i in range(8))
"""Ids kept for later suites, so that no model must be resized."""

SPECIAL_TOKENS = (PAD, BOS, EOS, UNK, SYS, DATA, ANS, *SPARES)
"""In order of their ids."""

_RESERVED = re.compile("|".join(re.escape(token) for token in SPECIAL_TOKENS))


def without_channel_tokens(text: str) -> str:
    """The text with every reserved token removed, also those that a removal would join up."""
    while True:
        cleaned = _RESERVED.sub("", text)
        if cleaned == text:
            return text
        text = cleaned


def instruction_prompt(order: str, data: str) -> str:
    """`<|sys|> order<|data|> data<|ans|>`, ready for the answer.

    Data comes from anyone, so reserved tokens are filtered from it; the order is trusted. No space
    stands before a channel token, so that decoding gives back the prompt letter for letter.
    """
    return f"{SYS} {order}{DATA} {without_channel_tokens(data)}{ANS}"
