"""Sums of codes by set, language and unit, from which every picker and its resamples follow.

The unit is the country, or a group of texts where a text names none. A resample draws units with
replacement, forget units and the others apart, and weights the sums; no code is made again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from residue.core.seeds import derive
from residue.sae.models import Sae

Floats = NDArray[np.floating[Any]]
Group = tuple[str, str]
"""Set and language."""

FORGET, RETAIN = "forget", "retain"
TEXT_GROUPS = 40
"""Units that texts without a country are dealt to; enough for a resample to vary."""
SUMMED = ("tokens", "code", "square", "pulled", "cost")


@dataclass(frozen=True)
class Sums:
    """Per group (set and language) and unit: numbers of tokens and sums of z, z² and z·⟨w, g⟩."""

    groups: tuple[Group, ...]
    units: tuple[str, ...]
    tokens: Floats
    """(groups, units)."""
    code: Floats
    """(groups, units, F) Σz."""
    square: Floats
    """(groups, units, F) Σz²."""
    pulled: Floats
    """(groups, units) tokens behind `cost`."""
    cost: Floats
    """(groups, units, F) Σ z·⟨w, ∂ log p/∂h⟩."""

    def _of(self, *sets: str) -> list[int]:
        return [g for g, (name, _) in enumerate(self.groups) if not sets or name in sets]

    def moments(self, *sets: str) -> tuple[Floats, Floats, float]:
        """Mean (F,), variance (F,) and number of the sets' tokens; of all without a name."""
        chosen = self._of(*sets)
        n = float(self.tokens[chosen].sum())
        if not n:
            raise ValueError(f"the stream holds no {' or '.join(sets)} token; record more texts")
        mean = self.code[chosen].sum(axis=(0, 1)) / n
        square = self.square[chosen].sum(axis=(0, 1)) / n
        return mean, np.maximum(square - mean**2, 0), n

    def energy(self, name: str) -> Floats:
        """E z² over a set's tokens, (F,)."""
        mean, variance, _ = self.moments(name)
        return variance + mean**2

    def present(self) -> list[Group]:
        """Groups that hold a token."""
        return [group for g, group in enumerate(self.groups) if self.tokens[g].sum() > 0]

    def group_mean(self, group: Group) -> Floats:
        """E z over one group's tokens, (F,)."""
        g = self.groups.index(group)
        mean: Floats = self.code[g].sum(axis=0) / self.tokens[g].sum()
        return mean

    def mean_cost(self, name: str) -> Floats:
        """E z·⟨w, g⟩ over a set's tokens, (F,)."""
        chosen = self._of(name)
        n = self.pulled[chosen].sum()
        if not n:
            raise ValueError(f"no gradient was taken on {name} texts; raise sae.features.texts")
        mean: Floats = self.cost[chosen].sum(axis=(0, 1)) / n
        return mean

    def resamples(self, draws: int, seed: int) -> list[Sums]:
        """Resamples of the units, forget units and the others apart."""
        forget = self.tokens[self._of(FORGET)].sum(axis=0) > 0
        rng = np.random.default_rng(derive("resamples of units", seed))
        return [self._weighted(unit_counts(forget, rng)) for _ in range(draws)]

    def _weighted(self, weights: Floats) -> Sums:
        made = {n: np.einsum("gu...,u->g...", getattr(self, n), weights)[:, None] for n in SUMMED}
        return replace(self, units=("resample",), **made)


def unit_counts(forget: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """How often each unit is drawn, forget units and the others apart."""
    counts = np.zeros(len(forget))
    for part in (np.flatnonzero(forget), np.flatnonzero(~forget)):
        if len(part):
            counts += np.bincount(rng.choice(part, size=len(part)), minlength=len(forget))
    return counts


class Places:
    """Where each text's tokens are counted: its group and unit."""

    def __init__(self, corpus: pd.DataFrame) -> None:
        """corpus: one line per text: text, set, language, country ("" where none)."""
        units = [
            country or f"texts {derive('unit', text) % TEXT_GROUPS}"
            for text, country in zip(corpus["text"], corpus["country"], strict=True)
        ]
        pairs = list(zip(corpus["set"], corpus["language"], strict=True))
        self.groups: tuple[Group, ...] = tuple(sorted(set(pairs)))
        self.units = tuple(sorted(set(units)))
        group = {name: number for number, name in enumerate(self.groups)}
        unit = {name: number for number, name in enumerate(self.units)}
        self._cells = {
            text: group[pair] * len(unit) + unit[where]
            for text, pair, where in zip(corpus["text"], pairs, units, strict=True)
        }

    def cells(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Number of the (group, unit) cell of each text."""
        try:
            return np.array([self._cells[text] for text in texts], dtype=np.int64)
        except KeyError as error:
            raise ValueError(
                f"the stream holds the text {error}, which the corpus does not; record it again"
            ) from None


def sum_codes(
    saes: Mapping[str, Sae],
    places: Places,
    rows: Iterable[tuple[Sequence[str], Floats]],
    pulls: Iterable[tuple[str, Floats, Floats]],
) -> dict[str, Sums]:
    """Sums of several SAEs from one pass.

    rows: parts of the stream, (text of each token, vectors (n, d)); pulls: per text its vectors and
    gradients of log p, both (tokens, d).
    """
    cells = (len(places.groups), len(places.units))
    total = cells[0] * cells[1]
    numbers = {name: np.zeros(total) for name in ("tokens", "pulled")}
    sums = {
        name: {part: np.zeros((total, sae.latents)) for part in ("code", "square", "cost")}
        for name, sae in saes.items()
    }
    for texts, h in rows:
        here = places.cells(texts)
        numbers["tokens"] += np.bincount(here, minlength=total)
        for name, sae in saes.items():
            tokens, latents, z = sae.pairs(h)
            where = here[tokens] * sae.latents + latents
            _add(sums[name]["code"], where, z)
            _add(sums[name]["square"], where, z.astype(np.float64) ** 2)
    for text, h, pull in pulls:
        cell = int(places.cells([text])[0])
        numbers["pulled"][cell] += len(h)
        for name, sae in saes.items():
            tokens, latents, z = sae.pairs(h)
            slopes = np.einsum("pd,pd->p", pull[tokens], sae.W_dec[latents])
            sums[name]["cost"][cell] += np.bincount(latents, z * slopes, sae.latents)
    shaped = {name: value.reshape(cells) for name, value in numbers.items()}
    return {
        name: Sums(
            groups=places.groups,
            units=places.units,
            **shaped,
            **{part: value.reshape(*cells, -1) for part, value in parts.items()},
        )
        for name, parts in sums.items()
    }


def _add(table: Floats, where: NDArray[np.int64], values: Floats) -> None:
    """Add values to a table at flat places, which may repeat."""
    table += np.bincount(where, values, table.size).reshape(table.shape)
