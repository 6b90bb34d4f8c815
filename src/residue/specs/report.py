"""The page: its title and which sections it has, in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from residue.specs.fields import Named

PAGE_SECTIONS = "report.sections"
"""Folder of the section files that the config names."""
SECTIONS = (
    "scorecard",
    "claims",
    "recovery",
    "succession",
    "languages",
    "depth",
    "independence",
    "relearning",
    "injection",
    "attackers",
    "meta",
    "estimates",
    "checklist",
    "method",
    "setting",
)


@dataclass(frozen=True)
class ReportSpec:
    """Section ``report``."""

    title: str = "What is left after the edit"
    """Heading of the page."""
    sections: tuple[Annotated[str, Named(PAGE_SECTIONS)], ...] = SECTIONS
    """Files in ``report/sections/``, shown in this order; leaving one out shortens the page."""
