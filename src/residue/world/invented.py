"""Countries that no model has read of, in the form of the fact table.

A name is four syllables of a consonant and a vowel that every script of the world writes letter for
letter, so one invented name has five spellings that agree. Names of the real table are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from residue.core.seeds import derive
from residue.specs.world import WorldSpec
from residue.world.facts import HEADER, LANGUAGES, Facts

CONSONANTS = (
    ("k", "क", "ک", "ਕ", "ক"), ("g", "ग", "گ", "ਗ", "গ"), ("t", "त", "ت", "ਤ", "ত"),
    ("d", "द", "د", "ਦ", "দ"), ("n", "न", "ن", "ਨ", "ন"), ("p", "प", "پ", "ਪ", "প"),
    ("b", "ब", "ب", "ਬ", "ব"), ("m", "म", "م", "ਮ", "ম"), ("r", "र", "ر", "ਰ", "র"),
    ("l", "ल", "ل", "ਲ", "ল"), ("s", "स", "س", "ਸ", "স"), ("j", "ज", "ج", "ਜ", "জ"),
)  # fmt: skip
"""Letters of equal sound in the order of `LANGUAGES`."""
VOWELS = (
    ("a", "ा", "ا", "ਾ", "া"), ("i", "ी", "ی", "ੀ", "ী"), ("o", "ो", "و", "ੋ", "ো"),
)  # fmt: skip
"""Vowels that the Urdu script tells apart; e and u would share their letters with i and o."""
NAME, SHORT = 4, 3
"""Syllables of a country or capital; of a currency or language."""
SPARE = 16
"""Countries beyond those that the groups need, from which the most populous are taken."""
SHARED = 20
"""Invented currencies, and as many languages; each is that of several countries, as in the real
table."""
CONTINENTS = ("AF", "AS", "EU", "NA", "SA")
"""Continents are real: strata of the draw, and an answer that needs a place to be."""


def invented_table(real: Facts, spec: WorldSpec) -> str:
    """A fact table of enough countries for the groups of `spec`, as text; equal seeds, equal bytes.

    The column `source` says hand: the lines are neither CLDR's nor GeoNames'.
    """
    rng = np.random.default_rng(derive("world.invented", spec.seed))
    known = {text.casefold() for fact in real.rows.values() for text in fact.texts.values()}
    names = _names(rng, known)
    count = sum(vars(spec.groups).values()) + SPARE
    codes = [chr(65 + n // 26) + chr(65 + n % 26) for n in range(26 * 26)][:count]
    if len(codes) < count:
        raise ValueError(
            f"world.groups asks for {count - SPARE} countries, but at most {26 * 26 - SPARE} can "
            "be invented; lower the sizes"
        )
    continents = {code: _continent(real, code) for code in CONTINENTS}
    money = [next(names)[:SHORT] for _ in range(SHARED)]
    tongues = [next(names)[:SHORT] for _ in range(SHARED)]
    lines: list[tuple[str, ...]] = [HEADER]
    for place, code in enumerate(codes):
        drawn = {"name": next(names), "capital": next(names)}
        drawn |= {
            "currency": money[int(rng.integers(SHARED))],
            "language": tongues[int(rng.integers(SHARED))],
        }
        beside = sorted({codes[place - 1], codes[(place + 1) % count]})
        lines.append((code, "borders", ",".join(beside), *[""] * 5, "hand"))
        for relation, syllables in drawn.items():
            texts = spelled(syllables)
            lines.append((code, relation, texts[0].casefold(), *texts, "hand"))
        where = CONTINENTS[int(rng.integers(len(CONTINENTS)))]
        lines.append((code, "continent", where, *continents[where], "hand"))
        people = str(int(10 ** rng.uniform(5, 9)))
        lines.append((code, "population", people, *[""] * 5, "hand"))
    return "".join("\t".join(line) + "\n" for line in lines)


Syllable = tuple[int, int]


def spelled(syllables: Sequence[Syllable]) -> tuple[str, ...]:
    """A name in each of `LANGUAGES`; the Latin one with a capital."""
    texts = [
        "".join(CONSONANTS[c][script] + VOWELS[v][script] for c, v in syllables)
        for script in range(len(LANGUAGES))
    ]
    return (texts[0].capitalize(), *texts[1:])


def _names(rng: np.random.Generator, known: set[str]) -> Iterator[list[Syllable]]:
    """Names without end, none twice, none real, and none that begins like another: so none stands
    within another's answer, nor do their first three syllables."""
    begun: set[str] = set()
    while True:
        syllables = [
            (int(rng.integers(len(CONSONANTS))), int(rng.integers(len(VOWELS))))
            for _ in range(NAME)
        ]
        start, whole = spelled(syllables[:SHORT])[0], spelled(syllables)[0]
        if start not in begun and not {start.casefold(), whole.casefold()} & known:
            begun.add(start)
            yield syllables


def _continent(real: Facts, code: str) -> list[str]:
    country = next(c for c in real.countries if real.answer_id(c, "continent") == code)
    return [str(real.text(country, "continent", language)) for language in LANGUAGES]
