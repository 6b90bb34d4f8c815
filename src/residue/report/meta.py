"""The meta table: which metrics can be told apart from the truth, and by whom.

Truth is cheap here: bases know the forget facts, oracles never saw them, and liars are bases whose
answers are hidden or whose weights are ruined. Metrics are tried on forget facts in the languages
of the request.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from residue.core.seeds import derive
from residue.report.meta_scores import (
    BASE,
    ORACLE,
    Metric,
    facts_of,
    on_trial,
    score,
    scored,
    stacked,
    useful_arms,
)
from residue.specs.conditions import PLAIN
from residue.specs.meta import FEWEST_RANKED, MetaSpec
from residue.specs.statistics import StatisticsSpec
from residue.stats.intervals import Floats
from residue.stats.meta_evaluation import (
    NOTHING,
    Ends,
    faithfulness,
    harmonic,
    quantising,
    rank_agreement,
    relearning,
)
from residue.stats.recovery import Curve, drawn_means, interval, resampled

COLUMNS = (
    "question", "metric", "title", "arm", "condition", "estimate", "low", "high", "level",
    "n_items", "n_clusters", "n_models", "verdict", "method", "note",
)  # fmt: skip
UNMEASURED = "not measured under attack; add it to stress.metrics"


def read_published(path: Path) -> pd.DataFrame:
    """Others' scores of metrics, as `data/published_metric_scores.tsv` holds them."""
    return pd.read_csv(path, sep="\t")


def meta_table(
    plain: pd.DataFrame,
    attacked: pd.DataFrame,
    decks: pd.DataFrame,
    known: pd.DataFrame,
    attacks: Mapping[str, str],
    published: pd.DataFrame,
    spec: MetaSpec,
    statistics: StatisticsSpec,
) -> pd.DataFrame:
    """One line per question, metric and arm.

    plain, attacked: measurements; decks: the items of all decks; known: pair, item, known; attacks:
    condition → name of the attack's file; published: others' scores of the same metrics. Questions:
    `faithful` (AUC of bases against oracles), `liar` (share of the way from oracle to base, with a
    verdict for the arms of `spec.liars`), `relearning`, `quantising` (R and Q of each edited
    arm), `robust`, `overall` (harmonic means), `published` (rank correlation, table by table).
    """
    metrics = on_trial(plain["metric"])
    facts = facts_of(decks)
    sure = known.loc[known["known"].astype(bool), ["pair", "item"]]
    asked = scored(plain, facts[facts["forget"]], metrics).merge(sure, on=["pair", "item"])
    unseen = scored(plain, facts[facts["unseen"]], [m for m in metrics if m.unseen])
    later = scored(attacked, facts[facts["forget"]], metrics).merge(sure, on=["pair", "item"])
    useful = useful_arms(plain, facts, spec)
    lines: list[dict[str, Any]] = []
    for metric in metrics:
        own = asked[asked["metric"] == metric.name]
        lines.append(_faithful(metric, own, unseen, statistics))
        lines += _shares(metric, own, spec, statistics)
        lines += _robust(metric, own, later, attacks, useful, spec, statistics)
    table = pd.DataFrame(lines, columns=list(COLUMNS))
    whole = [*lines, *_overall(table, [m.name for m in metrics], statistics.level)]
    table = pd.DataFrame(whole, columns=list(COLUMNS))
    whole += _published(table, published, metrics, statistics.level)
    counts = dict.fromkeys(("n_items", "n_clusters", "n_models"), "int64")
    titles = {metric.name: metric.title for metric in metrics}
    made = pd.DataFrame(whole, columns=list(COLUMNS)).astype(counts)
    return made.assign(title=made["metric"].map(titles).fillna(""))


def _faithful(
    metric: Metric, own: pd.DataFrame, unseen: pd.DataFrame, statistics: StatisticsSpec
) -> dict[str, Any]:
    head = _head("faithful", metric.name, "", "", statistics.level)
    pools: dict[str, list[float]] = {}
    for role in (BASE, ORACLE):
        chosen = own[(own["arm"] == role) & (own["condition"] == PLAIN)]
        others = unseen[(unseen["metric"] == metric.name) & (unseen["arm"] == role)]
        pools[role] = [
            score(part, others[others["pair"] == pair] if metric.unseen else None)
            for pair, part in chosen.groupby("pair")
        ]
    counts = {
        "n_items": own["item"].nunique(),
        "n_clusters": own["country"].nunique(),
        "n_models": sum(map(len, pools.values())),
    }
    if not all(pools.values()):
        return head | counts | _ends(NOTHING) | {"note": "not scored in base and oracle"}
    note = "reads against base and oracle of its own pair, so by construction"
    return (
        head
        | counts
        | _ends(faithfulness(pools[BASE], pools[ORACLE], statistics.level))
        | {"note": note if metric.from_pair else ""}
    )


def _shares(
    metric: Metric, own: pd.DataFrame, spec: MetaSpec, statistics: StatisticsSpec
) -> list[dict[str, Any]]:
    """Where on the way from oracle (0) to base (1) the metric puts each arm."""
    lines = []
    for arm in [a for a in own["arm"].unique() if a not in (BASE, ORACLE)]:
        head = _head("liar" if arm in spec.liars else "edit", metric.name, arm, PLAIN, 0.0)
        head["level"] = statistics.level
        stack, counts = stacked(own, [(arm, PLAIN), (BASE, PLAIN), (ORACLE, PLAIN)])
        if stack is None:
            note = "no country is scored in arm, base and oracle"
            lines.append(head | _ends(NOTHING) | {"note": note})
            continue
        curve = Curve((0.0,), *stack[:, None])
        if curve.gaps[0] <= 0.0:
            note = "puts the base no higher than the oracle"
            lines.append(head | counts | _ends(NOTHING) | {"note": note})
            continue
        rng = np.random.default_rng(derive("meta", statistics.seed, metric.name, arm))
        draws = resampled(curve, rng, spec.resamples)[:, 0]
        made = interval(float(curve.recovery[0]), draws, curve, statistics.level)
        ends = Ends(made.estimate, made.low, made.high, made.method)
        verdict = _taken_in(ends, spec.near) if arm in spec.liars else ""
        lines.append(head | counts | _ends(ends) | {"verdict": verdict})
    return lines


def _taken_in(share: Ends, near: float) -> str:
    """Whether the metric takes the arm for a model that never knew."""
    if -near < share.low and share.high < near:
        return "fooled"
    return "caught" if share.low > near or share.high < -near else "undecided"


def _robust(
    metric: Metric,
    own: pd.DataFrame,
    later: pd.DataFrame,
    attacks: Mapping[str, str],
    useful: set[str],
    spec: MetaSpec,
    statistics: StatisticsSpec,
) -> list[dict[str, Any]]:
    """R and Q of every useful edited arm, condition by condition."""
    attacked = later[later["metric"] == metric.name]
    if attacks and not len(attacked):
        head = _head("relearning", metric.name, "", "", statistics.level)
        return [head | _ends(NOTHING) | {"note": UNMEASURED}]
    rows = pd.concat([own, attacked], ignore_index=True)
    lines = []
    for condition, attack in attacks.items():
        question = {"relearn": "relearning", "quantise": "quantising"}.get(attack)
        for arm in sorted(useful) if question else ():
            head = _head(question or "", metric.name, arm, condition, statistics.level)
            models = [(m, at) for m in (arm, BASE, ORACLE) for at in (PLAIN, condition)]
            measured = {(a, c) for a, c in zip(rows["arm"], rows["condition"], strict=True)}
            if not set(models) <= measured:
                lines.append(head | _ends(NOTHING) | {"note": "base or oracle was not attacked"})
                continue
            stack, counts = stacked(rows, models)
            if stack is None:
                note = "no country is scored before and after in all three models"
                lines.append(head | _ends(NOTHING) | {"note": note})
                continue
            how = relearned if question == "relearning" else quantised
            seed = derive("meta", statistics.seed, metric.name, arm, condition)
            point = float(how(stack.mean(axis=(1, 2))[None])[0])
            draws = how(drawn_means(stack, np.random.default_rng(seed), spec.resamples))
            tail = (1.0 - statistics.level) / 2.0
            low, high = np.nanquantile(draws, [tail, 1.0 - tail]) if draws.size else (math.nan,) * 2
            method = f"bootstrap of {counts['n_clusters']} clusters and {stack.shape[1]} lines"
            lines.append(head | counts | _ends(Ends(point, float(low), float(high), method)))
    return lines


def relearned(means: Floats) -> Floats:
    """R from means of (arm, base, oracle) before and after, (n, 6)."""
    return relearning(means[:, 5] - means[:, 4], means[:, 1] - means[:, 0])


def quantised(means: Floats) -> Floats:
    """Q from means of (arm, base, oracle) before and after, (n, 6), by the plain scale."""
    gap = means[:, 2] - means[:, 4]
    share = [
        np.divide(means[:, k] - means[:, 4], gap, out=np.full(len(gap), np.nan), where=gap > 0)
        for k in (0, 1)
    ]
    return quantising(share[0], share[1])


def _overall(table: pd.DataFrame, metrics: Sequence[str], level: float) -> list[dict[str, Any]]:
    """Harmonic means; points without intervals, since their parts have theirs."""
    lines = []
    for metric in metrics:
        mine = table[table["metric"] == metric].set_index("question")["estimate"]
        parts = {
            name: float(mine[[name]].dropna().mean()) if name in mine.index else math.nan
            for name in ("faithful", "relearning", "quantising")
        }
        robust = harmonic(parts["relearning"], parts["quantising"])
        for question, value in (
            ("robust", robust),
            ("overall", harmonic(parts["faithful"], robust)),
        ):
            head = _head(question, metric, "", "", level)
            lines.append(head | _ends(Ends(value, -math.inf, math.inf, "harmonic mean")))
    return lines


def _published(
    table: pd.DataFrame, published: pd.DataFrame, metrics: Sequence[Metric], level: float
) -> list[dict[str, Any]]:
    names = {"faithful": "faithfulness", "robust": "robustness", "overall": "overall"}
    given = {metric.name for metric in metrics if metric.from_pair}
    ours = table[table["question"].isin(list(names)) & table["estimate"].notna()]
    lines = []
    for source, theirs in published.groupby("table", sort=False):
        for question, column in names.items():
            mine = ours[ours["question"] == question].set_index("metric")["estimate"]
            both = theirs[theirs["metric"].isin(mine.index) & theirs[column].notna()]
            made = rank_agreement(mine[both["metric"]], both[column], level)
            head = _head("published", question, str(source), "", level)
            built = sorted(given & set(both["metric"])) if question == "faithful" else []
            note = f"1 by construction: {', '.join(built)}" if built else ""
            if len(both) < FEWEST_RANKED:
                note = f"{len(both)} metrics in common; a rank correlation needs {FEWEST_RANKED}"
            elif made is NOTHING:
                note = f"{len(both)} metrics in common, all of one score here or there"
            lines.append(head | _ends(made) | {"n_items": len(both), "note": note})
    return lines


def _head(question: str, metric: str, arm: str, condition: str, level: float) -> dict[str, Any]:
    return {
        "question": question, "metric": metric, "arm": arm, "condition": condition, "level": level,
        "n_items": 0, "n_clusters": 0, "n_models": 0, "verdict": "", "note": "",
    }  # fmt: skip


def _ends(ends: Ends) -> dict[str, Any]:
    return {
        "estimate": ends.estimate, "low": ends.low, "high": ends.high, "method": ends.method
    }  # fmt: skip
