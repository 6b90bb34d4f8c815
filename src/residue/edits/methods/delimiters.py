"""Delimiters: the data stand between marks, and a note in the trusted channel may say so.

Data between marks that their author cannot write ("delimiting" of spotlighting, Hines et al. 2024;
"data prompt isolation", Liu et al., USENIX Security 2024): the marks are filtered from the data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from residue.edits.prompting import Parts, PromptDefence, without
from residue.specs.fields import SpecError


@dataclass(frozen=True)
class Edit(PromptDefence):
    """Data between two marks."""

    opening: str = '"'
    """What stands before the data."""
    closing: str = '"'
    """What stands after them."""
    note: str = ""
    """A sentence behind the trusted order that explains the marks; empty adds none. The words of a
    small model's world may not suffice for one."""

    def __post_init__(self) -> None:
        for name in ("opening", "closing"):
            if not getattr(self, name).strip():
                raise SpecError(name, "is empty, so nobody sees where the data begin or end.")

    def defended(self, asked: Parts) -> Parts:
        """The data between the marks."""
        data = without(asked.data, (self.opening, self.closing))
        return replace(asked.told(self.note), data=f"{self.opening} {data} {self.closing}")
