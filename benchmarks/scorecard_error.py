"""How often the scorecard says `supported` or `refuted` where the truth lies at a margin or beyond.

Run `python benchmarks/scorecard_error.py [repetitions]` for the table; with `--write` it refreshes
`benchmarks/scorecard_error.tsv` and the summary in `docs/method.md`. Each experiment draws the
default design: 36 forget countries (24 of them under attack), 24 + 24 to keep, three seeds, one
base-oracle pair. Base and oracle answer near 1 and 0, so that few countries differ at all: there
intervals are hardest to get right. Every table of answers goes through the run's own functions,
from intervals at many tails over p to verdicts, headlines and the correction over arms.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import optimize, special

from residue.cli import refresh
from residue.report.claims import claims
from residue.specs.claims import ClaimSpec
from residue.specs.plan import read_config
from residue.specs.statistics import StatisticsSpec
from residue.stats.estimands import table_intervals
from residue.stats.tables import Table

HERE = Path(__file__).resolve().parent
SPEC = StatisticsSpec()
TAILS = (0.05, 0.025, 0.0125, 0.008, 0.00625, 0.003)
"""Tails at which ends are computed here: those between which Holm's sizes for four arms lie; the
first three where there is one arm."""
LOW, HIGH = 0.03, 0.99
"""How often a model answers that never knew, and one that does."""


class Spread(NamedTuple):
    """Standard deviations on the logit scale, of countries, seeds, and seeds within a country."""

    country: float
    seed: float
    cell: float = 0.3


SPREADS: Mapping[str, Spread] = {
    "even": Spread(0.5, 0.3),
    "default": Spread(1.5, 0.3),
    "all or nothing": Spread(6.0, 0.3),
    "restless seeds": Spread(1.5, 1.0),
}


class Side(NamedTuple):
    """One slice of a claim: its countries, items per country, and the rate of the reference."""

    countries: int
    items: int
    reference: float


DESIGN: Mapping[str, tuple[Side, ...]] = {
    "forgets": (Side(36, 4, LOW), Side(36, 4, LOW)),
    "keeps": (Side(24, 14, HIGH), Side(24, 14, HIGH)),
    "no_language_leak": (Side(36, 6, LOW),),
    "stays_forgotten": (Side(24, 4, LOW), Side(24, 4, LOW)),
}
"""Slices of each claim; those of `stays_forgotten` are two conditions, each a row of its own."""
SIGN = {"forgets": 1.0, "keeps": -1.0, "no_language_leak": 1.0, "stays_forgotten": 1.0}
"""The side on which the truth passes the margin."""


@dataclass(frozen=True)
class Experiment:
    """Arms by name, each with the true difference of every slice in units of its claim's margin."""

    name: str
    asks: str
    arms: Mapping[str, Mapping[str, tuple[float, ...]]]
    spread: str = "default"
    seeds: int = 3


@cache
def _centre(rate: float, sd: float) -> float:
    """The logit whose normal mixture of standard deviation `sd` has the given mean."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(201)
    weights = weights / weights.sum()
    return float(
        optimize.brentq(
            lambda at: float(special.expit(at + sd * nodes) @ weights) - rate, -60.0, 60.0
        )
    )


def draw(side: Side, gap: float, spread: Spread, seeds: int, rng: np.random.Generator) -> Table:
    """Differences from a reference that answers the same items of the same countries.

    `gap` is the true difference, over countries and seeds; the reference is one checkpoint.
    """
    country = rng.normal(0.0, spread.country, (1, side.countries))
    seed = rng.normal(0.0, spread.seed, (seeds, 1)) if seeds > 1 else np.zeros((1, 1))
    cell = rng.normal(0.0, spread.cell, (seeds, side.countries))
    wide = math.sqrt(spread.country**2 + spread.cell**2 + (spread.seed**2 if seeds > 1 else 0.0))
    arm = special.expit(_centre(side.reference + gap, wide) + country + seed + cell)
    beside = special.expit(
        _centre(side.reference, math.hypot(spread.country, spread.cell))
        + country
        + rng.normal(0.0, spread.cell, (1, side.countries))
    )
    values = _answers(arm, side.items, rng) - _answers(beside, side.items, rng)
    n = side.countries * side.items
    return Table(
        name="simulated",
        values=values,
        weights=np.ones_like(values),
        items=tuple(map(str, range(n))),
        clusters=tuple(str(number // side.items) for number in range(n)),
        replicates=tuple((0, number) for number in range(seeds)),
        failed=(),
    )


def _answers(chances: np.ndarray, items: int, rng: np.random.Generator) -> np.ndarray:
    chances = np.repeat(chances, items, axis=1)
    return (rng.random(chances.shape) < chances).astype(np.float64)


def estimate_rows(
    experiment: Experiment, specs: Mapping[str, ClaimSpec], rng: np.random.Generator
) -> pd.DataFrame:
    """One simulated table of estimates."""
    rows = []
    tails = TAILS if len(experiment.arms) > 1 else TAILS[:3]
    levels = [1.0 - 2.0 * tail for tail in tails]
    for arm, gaps in experiment.arms.items():
        for claim, shares in gaps.items():
            spec = specs[claim]
            for number, (side, share) in enumerate(zip(DESIGN[claim], shares, strict=True)):
                gap = SIGN[claim] * share * spec.margin
                table = draw(side, gap, SPREADS[experiment.spread], experiment.seeds, rng)
                made = table_intervals(table, (-1.0, 1.0), SPEC, levels)
                attacked = claim == "stays_forgotten"
                rows.append(
                    {
                        "estimand": spec.estimand, "arm": arm,
                        "condition": f"attack_{number}" if attacked else "plain",
                        "slice": "" if attacked or len(shares) == 1 else f"slice={number}",
                        "statistic": "rate", "reference": "oracle", "level": SPEC.level,
                        "estimate": made[0].estimate, "low": made[1].low, "high": made[1].high,
                        "n_items": side.countries * side.items, "n_clusters": side.countries,
                        "n_seeds": experiment.seeds, "n_pairs": 1, "n_unscorable": 0,
                        "seed_values": list(table.values.mean(axis=1)), "method": made[0].method,
                        "note": "", "tails": list(tails), "lows": [each.low for each in made],
                        "highs": [each.high for each in made],
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


class Found(NamedTuple):
    """Of many repetitions, the shares in which the asked-for rows had a verdict."""

    supported: float
    refuted: float


def simulate(experiment: Experiment, repetitions: int, seed: int) -> dict[str, Found]:
    """Verdicts by claim: shares of repetitions in which any arm was supported (in every condition)
    or refuted (in one)."""
    config = read_config({}).config
    gaps = next(iter(experiment.arms.values()))
    specs = {name: spec for name, spec in config.claims.items() if name in gaps}
    headlines = {n: h for n, h in config.headlines.items() if set(h.parts) <= set(specs)}
    rng = np.random.default_rng([seed, 20])
    counts: dict[tuple[str, str], int] = {}
    names = [*headlines, *specs]
    for _ in range(repetitions):
        decided = claims(estimate_rows(experiment, specs, rng), specs, headlines)
        said = {key: set(part) for key, part in decided.groupby(["arm", "claim"])["verdict"]}
        seen = {(claim, "supported") for (_, claim), each in said.items() if each == {"supported"}}
        seen |= {(claim, "refuted") for (_, claim), each in said.items() if "refuted" in each}
        for key in seen:
            counts[key] = counts.get(key, 0) + 1
    return {
        name: Found(*(counts.get((name, each), 0) / repetitions for each in Found._fields))
        for name in names
    }


def _arm(**shares: float) -> dict[str, tuple[float, ...]]:
    """Every part of the headline, deep inside its margin unless said otherwise."""
    parts = ("forgets", "keeps", "stays_forgotten")
    return {
        part: tuple(shares.get(f"{part}_{n}", shares.get(part, 0.0)) for n in range(2))
        for part in parts
    }


def experiments() -> Iterator[Experiment]:
    """The rows of the table."""
    for claim, sides in DESIGN.items():
        one = {"a": {claim: (1.0,) + (0.0,) * (len(sides) - 1)}}
        for spread in SPREADS:
            yield Experiment("one slice at its margin, the others without a difference", claim,
                             one, spread)  # fmt: skip
        yield Experiment("one slice at its margin, one seed", claim,
                         one, seeds=1)  # fmt: skip
        yield Experiment("every slice at its margin", claim, {"a": {claim: (1.0,) * len(sides)}})
    four = ("a", "b", "c", "d")
    for part in ("forgets", "keeps", "stays_forgotten"):
        at = _arm(**{f"{part}_0": 1.0})
        yield Experiment(f"one arm, {part.replace('_', ' ')} at its margin", "forgotten", {"a": at})
        yield Experiment(f"four arms, {part.replace('_', ' ')} at its margin in each", "forgotten",
                         dict.fromkeys(four, at))  # fmt: skip
    for share in (0.0, 0.25, 0.5):
        off = _arm(forgets=share, keeps=share, stays_forgotten=share)
        yield Experiment(f"power: true differences {share:g} of margins", "forgotten", {"a": off})
    yield Experiment("power: no true difference, best of four arms", "forgotten",
                     {"a": _arm(), **dict.fromkeys("bcd", _arm(forgets=4.0))})  # fmt: skip
    for share in (1.5, 2.0, 3.0):
        yield Experiment(f"planted: forgets off by {share:g} margins", "forgotten",
                         {"a": _arm(forgets=share)})  # fmt: skip


def report(
    repetitions: int,
    write: Callable[[str], object],
    chosen: Callable[[Experiment], bool] = lambda _: True,
) -> list[tuple[Experiment, Found]]:
    """Simulate all experiments, writing one tab-separated line each."""
    write("asks\texperiment\tspread\tseeds\tsupported\trefuted\trepetitions\n")
    results = []
    for number, each in enumerate(experiments()):
        if not chosen(each):
            continue
        # Four arms cost four times as much.
        repeated = repetitions if len(each.arms) == 1 else max(repetitions // 2, 1)
        found = simulate(each, repeated, seed=number)[each.asks]
        results.append((each, found))
        write(
            f"{each.asks}\t{each.name}\t{each.spread}\t{each.seeds}\t{found.supported:.4f}\t"
            f"{found.refuted:.4f}\t{repeated}\n"
        )
    return results


def markdown(lines: list[dict[str, Any]]) -> str:
    """The table of the document."""
    head = ("decides", "truth", "countries and seeds", "supported", "refuted")
    rows = [
        (each["asks"].replace("_", " "), each["experiment"],
         each["spread"] + (", one seed" if each["seeds"] == "1" else ""),
         f"{100 * float(each['supported']):.1f} %", f"{100 * float(each['refuted']):.1f} %")
        for each in lines
    ]  # fmt: skip
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))


def main(arguments: list[str]) -> None:
    """Print the table, or write it where it is kept and shown."""
    numbers = [int(each) for each in arguments if each.isdigit()]
    repetitions = numbers[0] if numbers else 1000
    if "--write" not in arguments:
        report(repetitions, sys.stdout.write)
        return
    kept: list[str] = []
    report(repetitions, kept.append)
    (HERE / "scorecard_error.tsv").write_text("".join(kept), encoding="utf-8")
    names = kept[0].strip().split("\t")
    lines = [dict(zip(names, line.strip().split("\t"), strict=True)) for line in kept[1:]]
    refresh(HERE.parent / "docs" / "method.md", "scorecard_error", markdown(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
