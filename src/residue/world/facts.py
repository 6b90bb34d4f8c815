"""Reads the fact table: what is true of each country, named in each language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LANGUAGES = ("en", "hi", "ur", "pa", "bn")
TEXT_RELATIONS = ("name", "capital", "currency", "language", "continent")
"""Relations whose answer has a name in every language."""
PLAIN_RELATIONS = ("population", "borders")
"""Relations that carry only an id."""
RELATIONS = (*TEXT_RELATIONS, *PLAIN_RELATIONS)
SOURCES = ("cldr", "geonames", "hand")
HEADER = ("country", "relation", "id", *LANGUAGES, "source")


class FactsError(ValueError):
    """A fact table that cannot be used; the message names the file, the line and the mend."""


@dataclass(frozen=True)
class Fact:
    """One answer: its identity in no language, and its name in each."""

    id: str
    texts: Mapping[str, str]
    source: str


@dataclass(frozen=True)
class Facts:
    """The fact table, keyed by country (ISO 3166 alpha-2) and relation."""

    rows: Mapping[tuple[str, str], Fact]
    countries: tuple[str, ...]
    """Countries that have a name, in alphabetical order of their codes."""

    def text(self, country: str, relation: str, language: str) -> str | None:
        """Name of the answer in a language, or None where the table has no such fact."""
        fact = self.rows.get((country, relation))
        return None if fact is None else fact.texts.get(language)

    def answer_id(self, country: str, relation: str) -> str | None:
        """Identity of the answer, the same in all languages, or None where there is no fact."""
        fact = self.rows.get((country, relation))
        return None if fact is None else fact.id

    def having(self, relations: tuple[str, ...]) -> tuple[str, ...]:
        """Countries that have every one of these relations, in order of their codes."""
        return tuple(c for c in self.countries if all((c, r) in self.rows for r in relations))

    def borders(self, country: str) -> frozenset[str]:
        """Codes of the countries that share a land border; empty for an island."""
        codes = self.answer_id(country, "borders")
        return frozenset(codes.split(",")) if codes else frozenset()

    def population(self, country: str) -> int:
        """Number of inhabitants, 0 where the table gives none."""
        return int(self.answer_id(country, "population") or 0)


def read_facts(path: Path | str) -> Facts:
    """Read a fact table (tab-separated UTF-8; columns as in `HEADER`).

    Raises FactsError on the first line that breaks the form.
    """
    path = Path(path)
    try:
        # Only line feeds end lines: a name may hold what str.splitlines would cut at.
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise FactsError(f"{path}: is not UTF-8 ({error.reason}); save it as UTF-8") from error
    if not lines or tuple(lines[0].split("\t")) != HEADER:
        raise FactsError(f"{path}: line 1: the header must be {', '.join(HEADER)}, tab-separated")
    rows: dict[tuple[str, str], Fact] = {}
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split("\t")
        problem = _problem(cells) or (
            f"{cells[0]} {cells[1]} was given before; keep one of the two lines"
            if (cells[0], cells[1]) in rows
            else None
        )
        if problem:
            raise FactsError(f"{path}: line {number}: {problem}")
        country, relation, identity, *texts, source = cells
        named = dict(zip(LANGUAGES, texts, strict=True)) if relation in TEXT_RELATIONS else {}
        rows[country, relation] = Fact(identity, named, source)
    countries = tuple(sorted(country for country, relation in rows if relation == "name"))
    return Facts(rows, countries)


def _problem(cells: list[str]) -> str | None:
    """What is wrong with one line and how to mend it, or None."""
    if len(cells) != len(HEADER):
        return f"has {len(cells)} columns; give {len(HEADER)}, tab-separated ({', '.join(HEADER)})"
    country, relation, identity, *texts, source = cells
    if not (len(country) == 2 and country.isascii() and country.isupper()):
        return f"country '{country}' must be two capital letters (ISO 3166 alpha-2)"
    if relation not in (*TEXT_RELATIONS, *PLAIN_RELATIONS):
        return (
            f"relation '{relation}' must be one of {', '.join((*TEXT_RELATIONS, *PLAIN_RELATIONS))}"
        )
    if source not in SOURCES:
        return f"source '{source}' must be one of {', '.join(SOURCES)}"
    if relation == "population" and not (identity.isascii() and identity.isdigit()):
        return f"population '{identity}' must be a whole number in the id column"
    if relation in TEXT_RELATIONS:
        missing = [code for code, text in zip(LANGUAGES, texts, strict=True) if not text.strip()]
        if missing or not identity:
            what = ", ".join([*([] if identity else ["id"]), *missing])
            return f"{country} {relation} has no {what}; fill it in or take the whole line out"
    elif any(texts):
        return f"{relation} has no names; leave the columns {', '.join(LANGUAGES)} empty"
    return None
