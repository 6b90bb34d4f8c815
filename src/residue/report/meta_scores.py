"""What every model scores in the metrics on trial: values per item, and tables of models.

A metric is on trial if its file says what it is where a fact is known (`KNOWN`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from residue.core import methods
from residue.specs.measures import METRICS
from residue.specs.meta import MetaSpec
from residue.stats.intervals import Floats
from residue.stats.two_samples import auc

BASE, ORACLE = "base", "oracle"


@dataclass(frozen=True)
class Metric:
    """A metric on trial, oriented so that more means known."""

    name: str
    title: str
    sign: float
    unseen: bool
    """Judged as the AUC against facts in no training text, as attacks on membership are."""
    from_pair: bool
    """Reads every model against base and oracle of its own pair, and so knows which is which."""


def on_trial(names: Iterable[str]) -> list[Metric]:
    """The metrics among `names` that say what they are where a fact is known."""
    found = []
    for name in dict.fromkeys(names):
        module = methods.load(METRICS, name)
        if hasattr(module, "KNOWN"):
            sign = 1.0 if module.KNOWN == "high" else -1.0
            flags = (getattr(module, "UNSEEN", False), getattr(module, "FROM_PAIR", False))
            found.append(Metric(name, module.TITLE, sign, *flags))
    return found


def facts_of(decks: pd.DataFrame) -> pd.DataFrame:
    """Items in one seen wording, in the languages of the request, and which group each is of."""
    once = decks[
        ((decks["deck"] == "facts") & (decks["family"] == "seen") & (decks["style"] == "plain"))
        | ((decks["deck"] == "lens") & (decks["style"] == "orig"))
    ]
    spoken = once.loc[once["requested"].astype(bool), "language"].unique()
    split = once["split"]
    return once.assign(
        forget=once["requested"].astype(bool) & split.str.startswith("forget"),
        unseen=(split == "never_seen") & once["language"].isin(spoken),
        retain=split.str.startswith("retain"),
    )[["item", "country", "split", "forget", "unseen", "retain"]]


def scored(rows: pd.DataFrame, facts: pd.DataFrame, metrics: Sequence[Metric]) -> pd.DataFrame:
    """Scored lines of the metrics on the facts, oriented; one per item, rows averaged but the
    last, which is the output's."""
    signs = {metric.name: metric.sign for metric in metrics}
    kept = rows[rows["metric"].isin(list(signs)) & (rows["status"] == "ok")]
    kept = kept.merge(facts[["item", "country", "split"]], on="item")
    inner = kept["row"].isna() | (kept["row"] < kept.groupby("metric")["row"].transform("max"))
    kept = kept[inner].assign(value=kept["value"] * kept["metric"].map(signs).astype("float64"))
    keys = ["metric", "arm", "pair", "seed", "condition", "country", "split", "item"]
    return kept.groupby(keys)["value"].mean().reset_index()


def score(rows: pd.DataFrame, others: pd.DataFrame | None) -> float:
    """A model's score: the mean of its countries' means, or the AUC against unseen facts."""
    if others is not None:
        return auc(rows["value"], others["value"])
    return float(rows.groupby("country")["value"].mean().mean())


def stacked(
    rows: pd.DataFrame, models: Sequence[tuple[str, str]]
) -> tuple[Floats | None, dict[str, int]]:
    """Country means (models, lines, countries) on the items scored in all (arm, condition)."""
    parts = [rows[(rows["arm"] == arm) & (rows["condition"] == at)] for arm, at in models]
    keys = [set(zip(part["pair"], part["item"], strict=True)) for part in parts]
    shared = pd.DataFrame(sorted(set.intersection(*keys)), columns=["pair", "item"])
    if not len(shared):
        return None, {}
    parts = [part.merge(shared, on=["pair", "item"]) for part in parts]
    own = parts[0]
    line = "pair" if own["pair"].nunique() > 1 else "seed"
    means = [part.groupby([line, "country"])["value"].mean().unstack() for part in parts]
    whole = means[0].dropna(axis=1).columns
    for mean in means[1:]:
        whole = whole.intersection(mean.dropna(axis=1).columns)
    if not len(whole):
        return None, {}
    tables = [mean[whole].to_numpy(np.float64) for mean in means]
    n = max(map(len, tables))
    tables = [each if len(each) == n else np.repeat(each[:1], n, axis=0) for each in tables]
    counts = {
        "n_items": int(shared["item"].nunique()),
        "n_clusters": len(whole),
        "n_models": int(own.groupby(["pair", "seed"]).ngroups),
    }
    return np.stack(tables), counts


def useful_arms(plain: pd.DataFrame, facts: pd.DataFrame, spec: MetaSpec) -> set[str]:
    """Edited arms that forgot, nearer the oracle than the base, and keep enough of the rest, by
    exact answers: robustness is a question about them alone."""
    metric = Metric("exact_answer", "", 1.0, False, False)
    left, kept = (
        scored(plain, facts[facts[group]], [metric]).groupby("arm")["value"].mean()
        for group in ("forget", "retain")
    )
    if not {BASE, ORACLE} <= set(left.index) or BASE not in kept:
        return set()
    forgot = left - left[ORACLE] < spec.near * (left[BASE] - left[ORACLE])
    useful = kept >= (1.0 - spec.utility_loss) * kept[BASE]
    both = set(forgot[forgot].index) & set(useful[useful].index)
    return both - {BASE, ORACLE, *spec.liars}
