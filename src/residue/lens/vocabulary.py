"""Single tokens as text that can be shown: pieces of a letter are written out as bytes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from residue.core.text import shown

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_REPLACED = "\ufffd"


def token_texts(tokenizer: Tokenizer) -> Callable[[int], str]:
    """Id → the token's own text, e.g. ``Paris``, ``<|ans|>``, ``\\xe0\\xa4`` for part of a letter.

    Byte-level tokenizers cut letters of Indic and other scripts into bytes; such a piece has no
    letter of its own, so its bytes are shown. Leading spaces stay, so that words tell apart.
    """
    bytes_of = _byte_letters()

    @cache
    def text(token: int) -> str:
        said = str(tokenizer.decode([token], skip_special_tokens=False))
        if said and _REPLACED not in said:
            return str(shown(said))
        piece = tokenizer.id_to_token(token)
        if piece is None:
            return f"id {token}"
        if all(letter in bytes_of for letter in piece):
            raw = bytes(bytes_of[letter] for letter in piece)
            return str(shown(raw.decode("utf-8", errors="backslashreplace")))
        return str(shown(piece))

    return text


@cache
def _byte_letters() -> dict[str, int]:
    """The letter by which byte-level BPE writes each byte, turned round.

    Printable Latin-1 bytes stand for themselves, the others for the code points from 256 on, in
    order (the alphabet of GPT-2's tokenizer).
    """
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    letters = {chr(byte): byte for byte in plain}
    return letters | {chr(256 + n): byte for n, byte in enumerate(others)}
