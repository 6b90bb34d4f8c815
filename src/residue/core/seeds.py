"""Seeds that depend on names, never on the clock, the process or a global generator."""

from __future__ import annotations

import hashlib


def derive(*parts: str | int) -> int:
    """A stable seed in [0, 2**63) from what it is for, e.g. ``derive("pretrain", pair)``.

    Two calls with the same parts agree on every machine; changing any part, its type or its place
    gives an unrelated seed.
    """
    if not parts:
        raise ValueError("derive() needs at least one part that says what the seed is for")
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
