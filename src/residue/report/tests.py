"""From tests to decisions: is a fact still in a row, and may the test be believed there.

`readout_hsic` only rejects; a large p decides nothing. `readout_excess`, the AUROC of an arm minus
the oracle's, decides: **independent within δ** if its interval lies inside ± δ, **dependent** if it
lies off 0 (below too: a row that avoids the answer betrays it), else **inconclusive**. A row counts
only where the base is detected and the oracle, which never knew, is not; elsewhere it is
**not shown**.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from residue.core.seeds import derive
from residue.specs.statistics import StatisticsSpec
from residue.specs.tests import IndependenceSpec
from residue.stats.bands import Resamples, band
from residue.stats.cubes import Cube, country_means, cube
from residue.stats.intervals import Floats
from residue.stats.multiplicity import benjamini_hochberg, benjamini_yekutieli, holm

COLUMNS = (
    "test", "hypothesis", "arm", "pair", "seed", "row", "statistic", "effect", "p", "p_adjusted",
    "p_bh", "p_by", "p_holm", "low", "high", "level", "margin", "power", "detectable", "n",
    "n_clusters", "n_seeds", "reference", "decision", "reason",
)  # fmt: skip
DEPENDENT, INDEPENDENT = "dependent", "independent within δ"
INCONCLUSIVE, NOT_SHOWN, DESCRIPTIVE = "inconclusive", "not shown", "descriptive"
BASE, ORACLE = "base", "oracle"
UNKNOWN = "the base of this pair does not know the fact"
NO_ORACLE = "there is no oracle: what a model that never knew would give is not known"
REJECTED = "the forget facts' answers are independent of what is read out, country by country"
EXCESS = "the answers are read out no better or worse than in the oracle, within δ"
STRANGER = "answers of countries in no training text are independent of what is read out"


@dataclass(frozen=True)
class Facts:
    """What the tests of rows found, of all arms together."""

    lines: pd.DataFrame
    """As `residue.representation.row_tests.COLUMNS`."""
    items: pd.DataFrame
    """As its `ITEM_COLUMNS`."""
    clusters: Mapping[str, str]
    """Item → country."""


def fact_tests(facts: Facts, spec: IndependenceSpec, statistics: StatisticsSpec) -> pd.DataFrame:
    """Every line of `readout_hsic`, its control on never-seen countries, and `readout_excess`."""
    hidden = hidden_rows(facts.lines, spec.alpha)
    rows = [*_rejecting(facts.lines, hidden, spec), *_excess(facts, hidden, spec, statistics)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def hidden_rows(lines: pd.DataFrame, alpha: float) -> dict[int, str]:
    """Row → why its test is not shown. All pairs must find the base and spare the oracle."""
    mine = lines[lines["group"] == "forget"]
    reasons: dict[int, str] = {}
    for row in sorted(set(mine["row"].tolist())):
        part = mine[mine["row"] == row]
        base, oracle = (part[part["arm"] == arm] for arm in (BASE, ORACLE))
        failed = part.loc[part["reason"] != "", "reason"]
        if len(failed):
            reasons[row] = str(failed.iloc[0])
        elif not len(oracle):
            reasons[row] = NO_ORACLE
        elif base["p_rows"].max() > alpha or base["auc"].min() <= 0.5:
            reasons[row] = (
                f"the base, which knows, is not detected (p = {base['p_rows'].max():.3f})"
            )
        elif oracle["p_rows"].min() <= alpha:
            reasons[row] = (
                f"the oracle, which never knew, is detected (p = {oracle['p_rows'].min():.3f})"
            )
    return reasons


def completed(runs: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Measurements of several runs with a row for every item that any of them holds.

    Each pair is asked what its own base knows; what another pair's knows is unscorable here.
    """
    if not runs:
        return []
    cells = pd.concat([run[["item", "row"]] for run in runs]).drop_duplicates()
    found = []
    for run in runs:
        held = pd.MultiIndex.from_frame(run[["item", "row"]])
        lacking = cells[~pd.MultiIndex.from_frame(cells).isin(held)]
        more = run.iloc[np.zeros(len(lacking), dtype=np.intp)].assign(
            item=lacking["item"].to_numpy(), row=lacking["row"].to_numpy(),
            value=np.nan, status="unscorable", reason=UNKNOWN,
        )  # fmt: skip
        found.append(pd.concat([run, more], ignore_index=True) if len(more) else run)
    return found


def with_multiplicity(table: pd.DataFrame) -> pd.DataFrame:
    """Adjusted p-values over every rejecting test of the run that is shown: one family."""
    made = table.copy()
    family = made["p"].notna() & ~made["decision"].isin([NOT_SHOWN, DESCRIPTIVE])
    if family.any():
        p = made.loc[family, "p"].to_numpy(dtype=float)
        for column, adjust in (
            ("p_bh", benjamini_hochberg), ("p_by", benjamini_yekutieli), ("p_holm", holm),
        ):  # fmt: skip
            made.loc[family, column] = adjust(p)
    whole = dict.fromkeys(("pair", "seed", "row", "n", "n_clusters", "n_seeds"), "Int64")
    text = dict.fromkeys(("test", "hypothesis", "arm", "reference", "decision", "reason"), "str")
    numbers = [name for name in COLUMNS if name not in {*whole, *text}]
    return made.astype(whole | text | dict.fromkeys(numbers, "float64"))


def decided(low: float, high: float, margin: float) -> tuple[str, str]:
    """Decision about a difference and the sentence for it."""
    if math.isnan(low) or math.isnan(high):
        return INCONCLUSIVE, "there is no interval"
    span = f"the interval {low:.3f} to {high:.3f}"
    if -margin < low and high < margin:
        return INDEPENDENT, f"{span} lies inside ± {margin:g}"
    if low > 0.0 or high < 0.0:
        return DEPENDENT, f"{span} lies off 0"
    return INCONCLUSIVE, f"{span} holds 0 and reaches past {margin:g}"


def blank(test: str, hypothesis: str, arm: str, **values: Any) -> dict[str, Any]:
    """A line of `COLUMNS`; what is not given is missing."""
    nothing = dict.fromkeys(COLUMNS, np.nan) | {"pair": pd.NA, "seed": pd.NA, "row": pd.NA}
    words = {"test": test, "hypothesis": hypothesis, "arm": arm, "reference": "none", "reason": ""}
    return nothing | words | {"n_seeds": 1} | values


def _rejecting(
    lines: pd.DataFrame, hidden: Mapping[int, str], spec: IndependenceSpec
) -> Iterator[dict[str, Any]]:
    for line in lines.to_dict("records"):
        stranger = line["group"] != "forget"
        made = blank(
            "readout_control" if stranger else "readout_hsic",
            STRANGER if stranger else REJECTED,
            line["arm"], pair=line["pair"], seed=line["seed"], row=line["row"],
            statistic=line["statistic"], effect=line["auc"], p=line["p"],
            p_adjusted=line["p_rows"], low=line["swapped_low"], high=line["swapped_high"],
            level=0.95, n=line["n_items"], n_clusters=line["n_clusters"],
            reference="answers dealt over whole countries",
        )  # fmt: skip
        why = line["reason"] or ("" if stranger else hidden.get(line["row"], ""))
        if why:
            made |= {"decision": NOT_SHOWN, "reason": why}
        elif line["p_rows"] <= spec.alpha:
            made |= {"decision": DEPENDENT, "reason": "rejected, all rows of the run together"}
        else:
            why = "not rejected, which is no evidence of independence"
            made |= {"decision": INCONCLUSIVE, "reason": why}
        yield made


def _excess(
    facts: Facts, hidden: Mapping[int, str], spec: IndependenceSpec, statistics: StatisticsSpec
) -> Iterator[dict[str, Any]]:
    plain = facts.items[facts.items["planted"] == 0.0]
    oracle = plain[plain["arm"] == ORACLE]
    if not len(oracle):
        return
    never = cube(oracle, "auc")
    planted = _planted(facts, never)
    for arm, mine in plain[plain["arm"] != ORACLE].groupby("arm", sort=False):
        gap = cube(mine, "auc").minus(never).by_pair()
        clusters = np.array([facts.clusters[item] for item in gap.items])
        totals, weights, n = country_means(gap, clusters)
        if not n:
            continue
        drawn = _resamples(totals.shape, statistics)
        pairs = mine["pair"].nunique()
        found = band(
            totals, weights, drawn, level=statistics.level, bounds=(-1.0, 1.0),
            of="pairs" if pairs > 1 else "seeds",
        )  # fmt: skip
        for place, row in enumerate(gap.rows):
            spread = _by_cluster(totals[place], weights[place])
            curve = _power(spread, planted[row], found.critical, drawn)
            power, least = _read(curve, spec.margin, spec.power)
            low, high = float(found.low[place]), float(found.high[place])
            decision, why = decided(low, high, spec.margin)
            if row in hidden:
                decision, why = NOT_SHOWN, hidden[row]
            yield blank(
                "readout_excess", EXCESS, str(arm), row=row, effect=float(found.estimate[place]),
                low=low, high=high, level=statistics.level, margin=spec.margin, power=power,
                detectable=least, n=n, n_clusters=totals.shape[2], n_seeds=mine["seed"].nunique(),
                reference=ORACLE, decision=decision, reason=why,
            )  # fmt: skip


def _planted(facts: Facts, never: Cube) -> dict[int, Floats]:
    """Row → (strengths, clusters): what each planted signal adds to the oracle's AUROC."""
    mine = facts.items[(facts.items["arm"] == ORACLE) & (facts.items["planted"] > 0.0)]
    clusters = np.array([facts.clusters[item] for item in never.items])
    found: dict[int, list[Floats]] = {row: [] for row in never.rows}
    for _, part in mine.groupby("planted"):
        totals, weights, _ = country_means(cube(part, "auc").minus(never), clusters)
        for place, row in enumerate(never.rows):
            found[row].append(_by_cluster(totals[place], weights[place]))
    return {row: np.stack(each) for row, each in found.items() if each}


def _by_cluster(totals: Floats, weights: Floats) -> Floats:
    mass = weights.sum(axis=0)
    means: Floats = np.divide(totals.sum(axis=0), mass, out=np.zeros_like(mass), where=mass > 0)
    return means


def _power(spread: Floats, added: Floats, critical: float, drawn: Resamples) -> Floats:
    """(strengths, 2): mean effect of a planted signal, and how often its interval lies above 0.

    The arm's own differences, centred, carry the signal; countries are drawn anew each time.
    """
    reach = critical if math.isfinite(critical) else 2.0
    noise = spread - spread.mean()
    curve = []
    for signal in added:
        values = noise + signal
        mean = drawn.drawn @ values / len(values)
        square = drawn.drawn @ values**2 / len(values)
        error = np.sqrt(np.maximum(square - mean**2, 0.0) / (len(values) - 1))
        curve.append((float(signal.mean()), float((mean - reach * error > 0.0).mean())))
    return np.array(curve)


def _read(curve: Floats, margin: float, wanted: float) -> tuple[float, float]:
    """Power at the margin, and the least effect found with the wanted power; NaN past the curve."""
    effects = np.maximum.accumulate(np.concatenate([[0.0], curve[:, 0]]))
    powers = np.maximum.accumulate(np.concatenate([[0.0], curve[:, 1]]))
    at = float(np.interp(margin, effects, powers)) if effects[-1] >= margin else math.nan
    if powers[-1] < wanted:
        return at, math.nan
    return at, float(np.interp(wanted, powers, effects))


def _resamples(shape: tuple[int, int, int], statistics: StatisticsSpec) -> Resamples:
    rng = np.random.default_rng(derive("report.tests", statistics.seed, *shape))
    return Resamples.of(rng, shape, statistics.n_bootstrap)
