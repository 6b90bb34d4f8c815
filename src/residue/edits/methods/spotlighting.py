"""Spotlighting: the data are written so that they look like data all along (Hines et al. 2024).

``marking`` (datamarking) puts a mark between all words of the data; ``encoding`` writes them in
base64. The third form of the paper, between delimiters, is the method `delimiters`. The mark is
filtered from the data first, so that their author cannot write it.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from typing import Literal

from residue.edits.prompting import Parts, PromptDefence, without
from residue.specs.fields import SpecError


@dataclass(frozen=True)
class Edit(PromptDefence):
    """Data in another dress."""

    kind: Literal["marking", "encoding"] = "marking"
    """``marking``: a mark between words; ``encoding``: base64, for models that can read it."""
    mark: str = " - "
    """What takes the place of the spaces in the data. The paper has no spaces around it; a
    tokenizer whose words begin with one then cuts every word anew."""
    note: str = ""
    """A sentence behind the trusted order that explains it; empty adds none."""

    def __post_init__(self) -> None:
        if not self.mark.strip():
            raise SpecError("mark", "is empty, which marks nothing; say ' - '.")

    def defended(self, asked: Parts) -> Parts:
        """The data, marked or encoded."""
        if self.kind == "encoding":
            data = base64.b64encode(asked.data.encode()).decode()
        else:
            data = self.mark.join(without(asked.data, (self.mark.strip(),)).split())
        return replace(asked.told(self.note), data=data)
