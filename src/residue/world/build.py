"""The world as one object: facts, groups and the rules of who may know what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from residue.specs.world import WorldSpec
from residue.world.facts import Facts
from residue.world.groups import answer_text, assign_groups

Role = Literal["base", "oracle"]


@dataclass(frozen=True)
class World:
    """Countries with their names, answers and groups; made by `build_world`."""

    spec: WorldSpec
    groups: pd.DataFrame
    """As from `groups.assign_groups`."""
    texts: Mapping[tuple[str, str, str], str]
    """Text by (country, relation or `name`, language), as the world asks it."""
    identities: Mapping[tuple[str, str], str]
    """Identity of the answer by (country, relation): equal for equal answers."""
    neighbours: Mapping[str, frozenset[str]]
    """Countries of the world that share a border."""
    group_of: Mapping[str, tuple[str, str]]
    """(group, role) by country."""
    curriculum: tuple[str, ...]
    """Trained countries in the order in which they enter the text."""

    def name(self, country: str, language: str) -> str:
        """Name of a country."""
        return self.texts[country, "name", language]

    def answer(self, country: str, relation: str, language: str) -> str:
        """Answer of a fact."""
        return self.texts[country, relation, language]

    def in_group(self, group: str, role: str | None = None) -> tuple[str, ...]:
        """Countries of a group (and role), in order of their codes."""
        return tuple(
            country
            for country, place in sorted(self.group_of.items())
            if place[0] == group and role in (None, place[1])
        )

    def forgotten(self, country: str, language: str) -> bool:
        """Whether the request covers the country's facts in this language.

        Under `facts` a forget country's facts are forgotten whatever the language; `requested`
        tells in which ones the edit is asked for them.
        """
        group, role = self.group_of[country]
        if group == "never_seen":
            return False
        if self.spec.request == "language":
            return language in self.spec.requested_languages
        return group == "forget" or (group, role) == ("dev", "forget")

    def requested(self, country: str, language: str) -> bool:
        """Whether the edit is asked to forget the country's facts in this language."""
        return self.forgotten(country, language) and language in self.spec.requested_languages

    def introduced(self, role: Role, progress: float) -> tuple[str, ...]:
        """Countries that a model may read about at this share (0 to 1) of its budget.

        Base and oracle keep one clock: a country enters both texts at the same moment. Under
        `facts` the oracle's leaves the forgotten countries out of every text, even as a mere name.
        """
        rule = self.spec.curriculum
        count, first = len(self.curriculum), min(rule.first, len(self.curriculum))
        if progress >= rule.full:
            known = count
        elif progress <= rule.hold:
            known = first
        else:
            pace = (progress - rule.hold) / (rule.full - rule.hold)
            known = first + int(pace * (count - first))
        chosen = self.curriculum[:known]
        if role == "base" or self.spec.request == "language":
            return chosen
        return tuple(country for country in chosen if not self.forgotten(country, "en"))

    def fact_languages(self, role: Role) -> tuple[str, ...]:
        """Languages of the facts that a model reads: under `language` the oracle lacks some."""
        if role == "oracle" and self.spec.request == "language":
            return tuple(x for x in self.spec.languages if x not in self.spec.requested_languages)
        return self.spec.languages


def build_world(facts: Facts, spec: WorldSpec) -> World:
    """The world of a fact table and a spec; equal inputs give equal worlds."""
    groups = assign_groups(facts, spec)
    countries = list(groups["country"])
    texts = {
        (country, relation, language): answer_text(facts, country, relation, language)
        for country in countries
        for relation in ("name", *spec.relations)
        for language in spec.languages
    }
    identities = {
        (country, relation): _identity(facts, country, relation)
        for country in countries
        for relation in spec.relations
    }
    trained = groups[groups["first_seen"] >= 0].sort_values("first_seen")
    return World(
        spec=spec,
        groups=groups,
        texts=texts,
        identities=identities,
        neighbours={c: facts.borders(c) & set(countries) for c in countries},
        group_of=dict(
            zip(countries, zip(groups["group"], groups["role"], strict=True), strict=True)
        ),
        curriculum=tuple(trained["country"]),
    )


def _identity(facts: Facts, country: str, relation: str) -> str:
    # A currency is asked by its last word, so francs of different issuers are one answer.
    if relation == "currency":
        return answer_text(facts, country, relation, "en").casefold()
    return str(facts.answer_id(country, relation))
