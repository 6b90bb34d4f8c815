"""What a file of outputs holds of one item, whoever wrote the file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from residue.world.texts import normalised


@dataclass(frozen=True)
class Answered:
    """One item as one model answered it."""

    set: str
    """Of `specs.data.SETS`; empty where nothing says it."""
    key: str
    """Name of the item within its set; empty where its prompt has to tell."""
    prompt: str
    answers: tuple[str, ...]
    output: str | None
    """What the model said; None where the file holds numbers alone."""
    cluster: str = ""
    """What the item is about; empty: independent of all others."""
    language: str = "und"
    kind: str = ""
    values: dict[str, float] = field(default_factory=dict)
    """Numbers that the file holds itself, by the metric of this program that they are."""
    file: str = ""
    line: int = 0

    @property
    def item(self) -> str:
        """Name of the item in a deck that is made from files of outputs."""
        told = hashlib.sha256(normalised(self.prompt).encode()).hexdigest()[:12]
        return f"facts/{self.set}/{self.key or told}"


def texts(value: object) -> tuple[str, ...]:
    """One text or a list of them, as texts; numbers are written out."""
    if value is None:
        return ()
    listed = value if isinstance(value, (list, tuple)) else [value]
    return tuple(str(each) for each in listed if isinstance(each, (str, int, float)))
