"""Sandwich: the trusted order is said again behind the data (Schulhoff, Learn Prompting, 2023).

The repetition stands in the data's channel, as published, where a prompt is one text: it is the
last order there, and what is last is what an attack at the end counts on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from residue.edits.prompting import Parts, PromptDefence


@dataclass(frozen=True)
class Edit(PromptDefence):
    """The order once more, behind the data."""

    lead: str = ""
    """What stands before the repeated order, e.g. "Remember, your task is:"; empty says the order
    alone."""

    def defended(self, asked: Parts) -> Parts:
        """The data, and then the order."""
        again = f"{self.lead} {asked.order}".strip()
        return replace(asked, data=f"{asked.data} {again}")
