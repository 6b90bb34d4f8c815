"""The same facts in several languages, row by row: what similarities of languages are taken on.

A cell is one fact (relation, country) in one language. Its vector is the mean over wordings that
every language has (same family and number), so that no wording is mistaken for the fact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from residue.representation.similarity import Floats

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

DEV = ("dev_forget", "dev_retain")
"""Splits on which everything is chosen; no other item is read here."""


class NotParallelError(ValueError):
    """The dev items are not the same facts in several languages; the message says what lacks."""


@dataclass(frozen=True)
class Parallel:
    """Items of facts: `items[language][relation][country]` lists those of one fact, one per wording
    and in the same order of wordings in all languages."""

    languages: tuple[str, ...]
    relations: tuple[str, ...]
    countries: tuple[str, ...]
    forgotten: tuple[bool, ...]
    """Whether a country is of `dev_forget` in some language."""
    items: tuple[tuple[tuple[tuple[str, ...], ...], ...], ...]

    def vectors(self, names: list[str], values: NDArray[np.float32]) -> Floats:
        """(languages, relations, countries, width): each fact's mean over wordings.

        names, values (items, width): as a `RowsFile` reads them. ValueError where an item was not
        recorded.
        """
        place = {name: number for number, name in enumerate(names)}
        wanted = [
            item for language in self.items for of in language for cell in of for item in cell
        ]
        lost = [item for item in wanted if item not in place]
        if lost:
            raise ValueError(
                f"{len(lost)} dev items have no recorded rows (first: {lost[0]}); record the deck "
                "anew, or shorten prompts that do not fit the model"
            )
        rows = values[[place[item] for item in wanted]].astype(np.float64)
        shape = (len(self.languages), len(self.relations), len(self.countries))
        means: Floats = rows.reshape(*shape, -1, values.shape[1]).mean(axis=3)
        return means


def parallel(items: pd.DataFrame) -> Parallel:
    """Align the plain dev items of a facts deck.

    Kept are the countries asked about every relation in every language, and the wordings (family
    and number among the items of that family) that every one of those facts has. Languages are in
    the order of the deck. NotParallelError where fewer than two languages or no country are left.
    """
    plain = items[items["split"].isin(DEV) & (items["style"] == "plain")]
    if not len(plain):
        raise NotParallelError("there are no dev items")
    languages = tuple(dict.fromkeys(plain["language"]))
    relations = tuple(dict.fromkeys(plain["relation"]))
    if len(languages) < 2:
        raise NotParallelError(f"the dev items are in one language, {languages[0]}")
    fact = ["country", "relation", "language"]
    plain = plain.sort_values([*fact, "family", "template", "item"])
    number = plain.groupby([*fact, "family"]).cumcount().astype(str)
    plain = plain.assign(wording=plain["family"] + " " + number)
    facts = plain.groupby(fact)["wording"].agg(frozenset)
    n_facts = facts.groupby("country").size()
    countries = tuple(n_facts.index[n_facts == len(languages) * len(relations)])
    if not countries:
        raise NotParallelError("no dev country is asked about every relation in every language")
    shared = sorted(frozenset.intersection(*facts.loc[list(countries)]))
    if not shared:
        raise NotParallelError("no wording is there for every dev fact")
    keys = zip(*(plain[column] for column in (*fact, "wording")), strict=True)
    item = dict(zip(keys, plain["item"], strict=True))
    forgotten = set(plain.loc[plain["split"] == DEV[0], "country"])
    return Parallel(
        languages,
        relations,
        countries,
        tuple(country in forgotten for country in countries),
        tuple(
            tuple(
                tuple(
                    tuple(item[country, relation, language, wording] for wording in shared)
                    for country in countries
                )
                for relation in relations
            )
            for language in languages
        ),
    )
