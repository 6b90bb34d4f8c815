"""The setting: facts about the data, the models and the software of the run."""

from __future__ import annotations

from residue.report.markup import definitions, escape
from residue.report.page import Page

TITLE = "Data and models"


def section(page: Page) -> str:
    """One definition list per heading that the run supplied."""
    return "\n".join(
        f"<h3>{escape(heading)}</h3>{definitions(facts)}" for heading, facts in page.facts.items()
    )
