"""Which country plays which part: eligible countries, dealt to groups, stratified by continent."""

from __future__ import annotations

import numpy as np
import pandas as pd

from residue.core.seeds import derive
from residue.core.text import shown
from residue.specs.world import WorldSpec
from residue.world.facts import Facts

ROLES = (
    ("retain", "touched"),
    ("retain", "untouched"),
    ("forget", "relearn"),
    ("forget", "test"),
    ("dev", "forget"),
    ("dev", "retain"),
    ("never_seen", "none"),
)
"""(group, role) pairs in the order of their fields in `GroupSizes`."""

_ODD = set("()[]{}<>|&,;:./'’‘-‑–—0123456789")


def answer_text(facts: Facts, country: str, relation: str, language: str) -> str:
    """The answer as the world asks it: the fact's name, a currency by its last word only.

    A currency's full name gives the country away ("Kenyan Shilling"); its last word does not, and
    is shared by many countries.
    """
    text = facts.text(country, relation, language)
    if text is None:
        raise KeyError(f"no {relation} of {country} in {language}")
    return text.split()[-1] if relation == "currency" else text


def eligible(facts: Facts, spec: WorldSpec) -> list[str]:
    """Countries that the world can use, most populous first.

    All wanted relations in all languages; no punctuation or digits in any text, nor
    anything that cannot be shown; at most
    `spec.max_words` English words and `spec.max_letters` characters; no answer that contains the
    country's name or the reverse (it could be copied); no name shared by two countries.
    """
    taken: set[tuple[str, str]] = set()
    chosen = []
    ranked = sorted(
        facts.having(("name", "continent", *spec.relations)),
        key=lambda country: (-facts.population(country), country),
    )
    for country in ranked:
        names = {(lang, str(facts.text(country, "name", lang))) for lang in spec.languages}
        if _usable(facts, country, spec) and not names & taken:
            taken |= names
            chosen.append(country)
    return chosen


def _usable(facts: Facts, country: str, spec: WorldSpec) -> bool:
    for language in spec.languages:
        name = str(facts.text(country, "name", language))
        answers = [answer_text(facts, country, r, language) for r in spec.relations]
        texts = (name, *answers)
        if any(_odd(text) or len(text) > spec.max_letters for text in texts):
            return False
        if any(name in answer or answer in name for answer in answers):
            return False
        if language == "en" and any(len(t.split()) > spec.max_words for t in texts):
            return False
    return True


def _odd(text: str) -> bool:
    return bool(_ODD & set(text)) or shown(text) != text


def assign_groups(facts: Facts, spec: WorldSpec) -> pd.DataFrame:
    """Deal the most populous eligible countries to groups by the spec's seed.

    Returns columns country, group, role, continent, population, first_seen (rank in the curriculum
    order over trained countries, random with respect to the groups; -1 for never_seen). Within
    each continent countries are shuffled, then dealt so that every group's share of any run of
    countries is as close to its overall share as whole countries allow.
    ValueError when there are too few eligible countries.
    """
    sizes = list(vars(spec.groups).values())
    total = sum(sizes)
    countries = eligible(facts, spec)
    if len(countries) < total:
        raise ValueError(
            f"world.groups asks for {total} countries but only {len(countries)} have "
            f"{', '.join(spec.relations)} in {', '.join(spec.languages)}; lower the sizes, raise "
            "world.max_words or drop a relation"
        )
    rng = np.random.default_rng(derive("world.groups", spec.seed))
    frame = pd.DataFrame({"country": countries[:total]})
    frame["continent"] = [facts.answer_id(c, "continent") for c in frame["country"]]
    frame["population"] = [facts.population(c) for c in frame["country"]]
    shuffled = frame.iloc[rng.permutation(total)].sort_values("continent", kind="stable")
    dealt = _deal(sizes, rng)
    shuffled["group"] = [ROLES[i][0] for i in dealt]
    shuffled["role"] = [ROLES[i][1] for i in dealt]
    trained = (shuffled["group"] != "never_seen").to_numpy()
    ranks = np.full(total, -1)
    ranks[trained] = rng.permutation(int(trained.sum()))
    shuffled["first_seen"] = ranks
    columns = ["country", "group", "role", "continent", "population", "first_seen"]
    return shuffled[columns].sort_values("country").reset_index(drop=True)


def _deal(sizes: list[int], rng: np.random.Generator) -> list[int]:
    """Group index per position: each next one goes to the group furthest behind its share."""
    total, given = sum(sizes), np.zeros(len(sizes))
    share = np.asarray(sizes) / total
    dealt = []
    for position in range(1, total + 1):
        behind = share * position - given + rng.random(len(sizes)) * 1e-3
        behind[given >= sizes] = -np.inf
        group = int(behind.argmax())
        given[group] += 1
        dealt.append(group)
    return dealt
