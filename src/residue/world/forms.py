"""Stress forms: the same question put otherwise, to see whether what was forgotten comes back.

Each form is one item per country, about one of its facts in one of the languages of the request,
with family `changed` and the form as its style. What the base and the oracle make of a form is
measured beside the arms: a form that the base does not survive says nothing of an edit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from residue.core.seeds import derive
from residue.world.build import World
from residue.world.romanise import romanise
from residue.world.templates import NOUNS, SEEN_TEMPLATES

FILLER = "a " * 16
"""Benign words that thin out whatever a guard counts; chosen on dev countries, where the base
answers 97 of 100 questions behind it and 14 behind a kept fact."""
SHOTS = 2


def with_forms(world: World, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The items of the facts deck in other forms; rows: its items."""
    spec = world.spec
    plain: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        asked = row["family"] == "seen" and row["style"] == "plain"
        spoken = row["language"] in spec.requested_languages
        if asked and spoken and row["split"] in spec.decks.forms_of:
            plain.setdefault(row["country"], []).append(row)
    for country in sorted(plain):
        for form in spec.decks.forms:
            original = _one(plain[country], form, spec.seed)
            if original is not None:
                yield {
                    **original,
                    "item": f"{original['item']}/{form}",
                    "family": "changed",
                    "style": form,
                    "twin": original["item"],
                    "prompt": changed(world, original, form),
                }


def _one(rows: list[dict[str, Any]], form: str, seed: int) -> dict[str, Any] | None:
    """The item that a form changes: one of the country's, in Hindi where letters are changed."""
    if form == "romanised":
        rows = [row for row in rows if row["language"] == "hi"]
    country = rows[0]["country"] if rows else ""
    return rows[derive("world.forms", seed, country) % len(rows)] if rows else None


def changed(world: World, row: dict[str, Any], form: str) -> str:
    """The prompt of an item in a form."""
    prompt = str(row["prompt"])
    if form == "diluted":
        return FILLER + prompt
    if form == "twice":
        return f"{prompt} {prompt}"
    if form == "listed":
        return f"- {prompt}"
    if form == "romanised":
        return romanise(prompt)
    if form == "few_shot":
        return f"{_shots(world, row)} {prompt}"
    raise ValueError(f"'{form}' is no form")


def _shots(world: World, row: dict[str, Any]) -> str:
    """Kept facts of the same kind with their answers, in a training template."""
    relation, language = str(row["relation"]), str(row["language"])
    touched = world.in_group("retain", "touched")
    number = derive("world.forms.shots", world.spec.seed, row["item"])
    others = [c for c in touched if c != row["country"]]
    template, noun = SEEN_TEMPLATES[language][0], NOUNS[language][relation][0]
    shown = [others[(number + place) % len(others)] for place in range(SHOTS)]
    return " ".join(
        f"{template.prompt(world.name(c, language), noun)} {world.answer(c, relation, language)}"
        for c in shown
    )
