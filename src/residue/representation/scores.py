"""What is measured at one row: likeness of languages beside chance, probes, and their combination.

Everything is a mean over pairs of languages and over relations of measures on one vector per
country, so countries are the exchangeable units throughout. Combinations (larger is better), with
c, p, a for CKA, Procrustes and ANC, each less its mean under broken pairing:
`similarity` 0.4 c + 0.4 p + 0.2 a; `contrast` 0.4 (1 - c) + 0.4 (1 - p) + 0.2 (1 - a);
`semantic` 0.6 max(0, AUC of target - mean AUC of neighbours) + 0.2 (1 - c) + 0.2 (1 - p).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from residue.representation.parallel import Parallel
from residue.representation.probes import neighbour_contrast, probe_auc, probe_null
from residue.representation.similarity import (
    Floats,
    Integers,
    Measure,
    Null,
    anc,
    compared,
    linear_cka,
    narrowed,
    procrustes,
)
from residue.specs.representation import RepresentationSpec

MEASURES: Mapping[str, Measure] = {"cka": linear_cka, "procrustes": procrustes, "anc": anc}
TURNED = ("cka", "procrustes")
"""Measures that ignore rotations, and so may be taken on `narrowed` rows."""
WEIGHTS = {"cka": 0.4, "procrustes": 0.4, "anc": 0.2}
PROBE_PERMUTATIONS = 19
"""A probe is fitted four times per permutation, so its null has fewer."""
CHANCE_DRAWS = 10
"""Broken pairings behind the null mean on a half of the countries."""


@dataclass(frozen=True)
class Setting:
    """Which languages are compared: fixed for a run.

    target: languages asked to be forgotten, but the reference; neighbour: asked for neither.
    """

    spec: RepresentationSpec
    languages: tuple[str, ...]
    target: tuple[str, ...]
    neighbour: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, facts: Parallel, spec: RepresentationSpec, requested: Sequence[str]) -> Setting:
        """Pairs with a requested language; for `semantic` those of target and reference."""
        languages = facts.languages
        asked = [each for each in languages if each in requested] or list(languages)
        reference = spec.reference_language
        target = tuple(each for each in asked if each != reference)
        others = tuple(each for each in languages if each not in (*asked, reference))
        pairs = [(a, b) for a, b in combinations(range(len(languages)), 2)]
        if spec.score == "semantic":
            if reference not in languages or not target or not others:
                raise ValueError(
                    "representation.score: 'semantic' needs dev items in the reference language "
                    f"('{reference}'), in a requested one and in a neighbour language; found "
                    f"{', '.join(languages)}; choose 'similarity'"
                )
            wanted = [{reference, each} for each in target]
            pairs = [(a, b) for a, b in pairs if {languages[a], languages[b]} in wanted]
        else:
            pairs = [(a, b) for a, b in pairs if {languages[a], languages[b]} & set(asked)]
        return cls(spec, languages, target, others, tuple(pairs))

    @property
    def probed(self) -> bool:
        """Whether there are languages for the language probe."""
        return self.spec.reference_language in self.languages and bool(self.target)


def likeness(
    name: str, cube: Floats, pairs: Sequence[tuple[int, int]], order: Integers | None = None
) -> float:
    """Mean of a measure over language pairs and relations of cube (languages, relations, countries,
    width); order: countries of the second language, to break the pairing."""
    measure, second = MEASURES[name], cube if order is None else cube[:, :, order]
    return float(
        np.mean([measure(cube[a, r], second[b, r]) for a, b in pairs for r in range(len(cube[0]))])
    )


def forms(cube: Floats) -> dict[str, Floats]:
    """The cube in the form that each measure is cheapest on."""
    narrow = np.array([[narrowed(rows) for rows in language] for language in cube])
    return {name: narrow if name in TURNED else cube for name in MEASURES}


def likenesses(cube: Floats, setting: Setting, seed: int) -> dict[str, Null]:
    """Each measure beside its values under the same broken pairings of countries."""
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(cube.shape[2]) for _ in range(setting.spec.permutations)]
    return {
        name: compared(
            likeness(name, form, setting.pairs),
            [likeness(name, form, setting.pairs, order) for order in orders],
        )
        for name, form in forms(cube).items()
    }


def language_auc(
    cube: Floats, setting: Setting, language: str, seed: int, *, null: bool = False
) -> Null:
    """AUC of telling a language from the reference, by countries held out."""
    sides = [setting.languages.index(each) for each in (setting.spec.reference_language, language)]
    n = cube.shape[1] * cube.shape[2]
    x = np.concatenate([cube[side].reshape(n, -1) for side in sides])
    labels = np.repeat([0, 1], n)
    groups = np.tile(np.arange(cube.shape[2]), 2 * cube.shape[1])
    if null:
        return probe_null(x, labels, groups, seed=seed, n_permutations=PROBE_PERMUTATIONS)
    return Null(probe_auc(x, labels, groups, seed=seed), np.nan, np.nan)


def forget_auc(cube: Floats, forgotten: Sequence[bool], setting: Setting, seed: int) -> Null:
    """AUC of telling dev countries to be forgotten from those to be kept, in the target languages.

    Where countries were dealt by lot, a base holds nothing that tells them apart, so this must be
    chance on it: a control of the probe.
    """
    chosen = [setting.languages.index(each) for each in setting.target or setting.languages]
    x = cube[chosen].mean(axis=0)
    labels = np.tile(np.asarray(forgotten, np.int64), len(x))
    groups = np.tile(np.arange(x.shape[1]), len(x))
    flat = x.reshape(len(labels), -1)
    return probe_null(flat, labels, groups, seed=seed, n_permutations=PROBE_PERMUTATIONS)


def combined(excess: Mapping[str, float], contrast: float, kind: str) -> float:
    """The score of a row from likenesses less their chance level, and the probes' contrast."""
    if kind == "similarity":
        return sum(weight * excess[name] for name, weight in WEIGHTS.items())
    if kind == "contrast":
        return sum(weight * (1.0 - excess[name]) for name, weight in WEIGHTS.items())
    return 0.6 * contrast + 0.2 * (1.0 - excess["cka"]) + 0.2 * (1.0 - excess["procrustes"])


def contrast_of(cube: Floats, setting: Setting, seed: int) -> float:
    """How much better targets are told from the reference than neighbours are."""
    auc = {
        language: language_auc(cube, setting, language, seed).value
        for language in (*setting.target, *setting.neighbour)
    }
    target = float(np.mean([auc[language] for language in setting.target]))
    return neighbour_contrast(target, [auc[language] for language in setting.neighbour])


def halves(n: int, count: int, seed: int) -> list[Integers]:
    """Random halves of n countries (Meinshausen and Bühlmann 2010), the same for every row."""
    rng = np.random.default_rng(seed)
    return [np.sort(rng.permutation(n)[: n // 2]) for _ in range(count)]


def half_scores(
    cube: Floats, setting: Setting, parts: Sequence[Integers], seed: int
) -> list[float]:
    """The combined score on each half of the countries, less the chance level of halves."""
    rng = np.random.default_rng(seed)
    size, formed = len(parts[0]), forms(cube)
    chance = dict.fromkeys(MEASURES, 0.0)
    for _ in range(CHANCE_DRAWS):
        part, order = rng.permutation(cube.shape[2])[:size], rng.permutation(size)
        for name, form in formed.items():
            broken = likeness(name, form[:, :, part], setting.pairs, order)
            chance[name] += broken / CHANCE_DRAWS
    scores = []
    for part in parts:
        excess = {
            name: likeness(name, form[:, :, part], setting.pairs) - chance[name]
            for name, form in formed.items()
        }
        semantic = setting.spec.score == "semantic"
        contrast = contrast_of(cube[:, :, part], setting, seed) if semantic else 0.0
        scores.append(combined(excess, contrast, setting.spec.score))
    return scores
