"""Captions of the figures as plain text; counts come from the table that was drawn."""

from __future__ import annotations

import pandas as pd

from residue.report.rows import records
from residue.report.words import plural


def tradeoff(estimates: pd.DataFrame) -> str:
    """Caption of `residue.report.figures.tradeoff`."""
    forget = estimates[estimates["estimand"] == "forget"]
    retain = estimates[estimates["estimand"] == "retain"]
    return (
        "Share of facts answered exactly: facts to forget, in the languages asked for (across), "
        "and facts to keep (up). Better is up and to the left, where the oracle stands. Filled "
        f"points are means, bars are {_level(estimates)} intervals, small open points are single "
        "training seeds. Dashed lines pass through the oracle and the base. A shaded corner, where "
        "there is one, is a guide and not the verdict: the scorecard judges wordings and retain "
        "splits apart, and intervals instead of points. "
        f"Across: {_counts(forget)}. Up: {_counts(retain)}. {_seeds(forget)}"
    )


def by_language(estimates: pd.DataFrame) -> str:
    """Caption of `residue.report.figures.by_language`."""
    forget = estimates[estimates["estimand"] == "forget_by_language"]
    retain = estimates[estimates["estimand"] == "retain_by_language"]
    return (
        "The same shares in each language. On the left, lower is better: a language that still "
        "gives the facts away although others no longer do is a leak. On the right, higher is "
        f"better. Bars are {_level(estimates)} intervals, ticks are single training seeds. "
        f"Left, per language: {_counts(forget)}. Right: {_counts(retain)}. {_seeds(forget)}"
    )


def first_rows(estimates: pd.DataFrame) -> str:
    """Caption of `residue.report.figures.first_rows`."""
    return (
        "Each row of the model (0 = embeddings, then one after each block) is read out with the "
        "model's own final norm and head. Bars show at which row the answer's first token is the "
        "most likely one for the first time."
    )


def recovery(table: pd.DataFrame) -> str:
    """Caption of `residue.report.recovery_figure.recovery`."""
    forget = table[(table["measure"] == "forget") & (table["n_items"] > 0)]
    return (
        "Left: share of forget facts answered exactly, in the languages asked for, of countries "
        "that no attack showed; the oracle after the same attack is the control. Right: recovery, "
        "0 where the oracle is and 1 where the base is, after the same attack. Bars are "
        f"{_level(table)} intervals. {_counts(forget)}. {_seeds(forget)}"
    )


def succession(table: pd.DataFrame) -> str:
    """Caption of `residue.report.succession_figure.succession`."""
    forget = table[table["asked"].str.startswith("request_") & (table["n_items"] > 0)]
    return (
        "Share of facts answered exactly. Left: edits asked once, over the share of countries that "
        "they were asked to forget. Right: one edit after another, each asked for further "
        "countries; a line begins when its request is made. Both begin at the base, which was "
        "asked for nothing. Orange is what was asked for and should fall, all else should stay. "
        f"Bars are {_level(table)} intervals. {_counts(forget)}. {_seeds(forget)}"
    )


def _level(estimates: pd.DataFrame) -> str:
    return " and ".join(f"{level:.0%}" for level in sorted(set(estimates["level"])))


def _counts(table: pd.DataFrame) -> str:
    return f"{_range(table['n_items'], 'item')} on {_range(table['n_clusters'], 'country')}"


def _seeds(table: pd.DataFrame) -> str:
    parts = [
        f"{plural(row['n_seeds'], 'seed')} for {row['arm']}"
        for row in records(table.drop_duplicates("arm"))
    ]
    pairs = int(table["n_pairs"].max()) if len(table) else 0
    given = " All intervals are given this one base checkpoint." if pairs == 1 else ""
    return f"{', '.join(parts)}; {plural(pairs, 'base–oracle pair')}.{given}"


def _range(values: pd.Series, noun: str) -> str:
    if not len(values):
        return plural(0, noun)
    low, high = int(values.min()), int(values.max())
    return plural(high, noun) if low == high else f"{low:,} to {plural(high, noun)}"
