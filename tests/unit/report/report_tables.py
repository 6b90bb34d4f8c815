"""Realistic synthetic tables of a run, for the page and the figures."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

LANGUAGES = ("en", "hi", "ur", "pa", "bn")
REQUESTED = ("en", "hi")
SPLITS = {"forget_test": 12, "retain_touched": 14, "retain_untouched": 10, "never_seen": 6}
RATES = {
    "base": {"forget_test": 0.98, "retain_touched": 0.98, "retain_untouched": 0.98},
    "oracle": {"forget_test": 0.04, "retain_touched": 0.98, "retain_untouched": 0.98},
    "npo": {"forget_test": 0.1, "retain_touched": 0.96, "retain_untouched": 0.74},
}


def item_table() -> pd.DataFrame:
    """Facts in five languages, two templates each, on made-up countries."""
    rows = []
    for split, count in SPLITS.items():
        for k in range(count):
            country = f"{split}-{k}"
            for relation in ("capital", "currency"):
                for language in LANGUAGES:
                    for family in ("seen", "held_out"):
                        rows.append(
                            {
                                "item": f"facts/{relation}/{country}/{language}/{family}-1",
                                "deck": "facts",
                                "split": split,
                                "language": language,
                                "relation": relation,
                                "country": country,
                                "family": family,
                                "style": "plain",
                                "requested": language in REQUESTED,
                                "same_answer": k % 3 == 0,
                                "near_neighbour": k % 2 == 0,
                            }
                        )
    return pd.DataFrame(rows)


def measurement_table(items: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Exact answer of base, oracle and one edit with three seeds."""
    rng = np.random.default_rng(seed)
    parts = []
    for arm, rates in RATES.items():
        for k in range(3 if arm == "npo" else 1):
            rate = items["split"].map(rates).fillna(0.03).to_numpy()
            if arm == "npo":
                leaky = (items["split"] == "forget_test") & ~items["requested"]
                rate = np.where(leaky, 0.85, rate)
            parts.append(
                pd.DataFrame(
                    {
                        "metric": "exact_answer",
                        "arm": arm,
                        "pair": 0,
                        "seed": k,
                        "condition": "plain",
                        "item": items["item"],
                        "row": None,
                        "value": (rng.random(len(items)) < rate).astype(float),
                        "weight": 1.0,
                        "status": "ok",
                        "reason": "",
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def _row(arm: str, estimand: str, level: str, at: float, half: float, **more: object) -> dict:
    seeds = 3 if arm not in ("base", "oracle") else 1
    values = [at] if seeds == 1 else [at + d for d in (-0.02, 0.005, 0.015)]
    return {
        "estimand": estimand,
        "arm": arm,
        "condition": "plain",
        "slice": level,
        "metric": "exact_answer",
        "statistic": "rate",
        "reference": "none",
        "estimate": at,
        "low": max(0.0, at - half),
        "high": min(1.0, at + half),
        "level": 0.95,
        "n_items": 240,
        "n_clusters": 24,
        "n_seeds": seeds,
        "n_pairs": 1,
        "n_unscorable": 0,
        "where": "family=seen, style=plain",
        "seed_values": values,
        "method": "t, Satterthwaite",
        "note": "",
        **more,
    }


def estimate_table(arms: tuple[str, ...] = ("base", "oracle", "npo")) -> pd.DataFrame:
    """Estimates as a run would write them, with plausible numbers."""
    forget = {"base": 0.99, "oracle": 0.04, "npo": 0.08}
    retain = {"base": 0.985, "oracle": 0.98, "npo": 0.86}
    rows = []
    for i, arm in enumerate(arms):
        f = forget.get(arm, 0.1 + 0.13 * i)
        r = retain.get(arm, 0.95 - 0.09 * i)
        rows.append(_row(arm, "forget", "", f, 0.05))
        rows.append(_row(arm, "retain", "", r, 0.04))
        for split, d in (("retain_touched", 0.0), ("retain_untouched", -0.1)):
            at = r + (d if arm == "npo" else 0)
            rows.append(_row(arm, "retain_by_split", f"split={split}", at, 0.06))
        for language in LANGUAGES:
            leak = 0.8 if arm not in ("base", "oracle") and language not in REQUESTED else 0.0
            at = min(0.99, f + leak)
            rows.append(_row(arm, "forget_by_language", f"language={language}", at, 0.08))
            rows.append(_row(arm, "retain_by_language", f"language={language}", r, 0.05))
        rows.append(_row(arm, "leak", "", min(0.99, f + (0.8 if arm == "npo" else 0)), 0.06))
        rows.append(_row(arm, "never_seen", "", 0.05, 0.06))
        rows.append(
            _row(arm, "retain_perplexity", "", 1.13, 0.0, metric="perplexity",
                 statistic="perplexity", low=1.09, high=1.18)
        )  # fmt: skip
    return pd.DataFrame(rows)


def claim_table() -> pd.DataFrame:
    """Claims of the default story with every verdict among them."""
    rows = []

    def add(arm: str, claim: str, at: float, low: float, high: float, verdict: str, **more: object):
        kind = "non_inferior" if claim == "keeps" else "equivalent"
        rows.append(
            {
                "arm": arm,
                "condition": "plain",
                "claim": claim,
                "sentence": f"What {claim} stands for, in words.",
                "estimand": {"forgets": "forget_vs_oracle", "keeps": "retain_vs_base"}.get(
                    claim, "leak_vs_oracle"
                ),
                "slice": "split=retain_untouched" if claim == "keeps" else "",
                "kind": kind,
                "estimate": at,
                "low": low,
                "high": high,
                "level": 0.95,
                "n_items": 480,
                "n_clusters": 24,
                "n_seeds": 3 if arm == "npo" else 1,
                "n_pairs": 1,
                "n_unscorable": 0,
                "note": "one pair: given this base",
                "seed_values": [at - 0.01, at, at + 0.01] if arm == "npo" else [at],
                "method": "t, Satterthwaite",
                "statistic": "rate",
                "reference": "base" if claim == "keeps" else "oracle",
                "margin": 0.1 if claim == "keeps" else 0.2,
                "margin_reason": "A fifth of what there was to forget.",
                "attainable": 0.09 if claim == "keeps" else 0.14,
                "role": "control"
                if arm in ("base", "oracle")
                else "exploratory"
                if claim == "no_language_leak"
                else "part",
                "family": "exploratory",
                "p": 0.01 if verdict == "supported" else 0.6,
                "p_against": 0.001 if verdict == "refuted" else 0.4,
                "p_adjusted": 0.02 if verdict == "supported" else 0.8,
                "p_against_adjusted": 0.002 if verdict == "refuted" else 0.9,
                "verdict": verdict,
                "reason": f"The 95% interval [{low:.4g}, {high:.4g}] and so on.",
                **more,
            }
        )

    nothing = {"slice": "", "margin": math.nan, "attainable": math.nan, "seed_values": [],
               "method": "", "note": "", "reference": "", "statistic": "", "kind": "all",
               "estimand": "", "margin_reason": ""}  # fmt: skip
    add("npo", "forgotten", math.nan, math.nan, math.nan, "inconclusive", role="headline",
        family="headline", **nothing)  # fmt: skip
    add("npo", "forgets", 0.04, -0.03, 0.11, "supported")
    add("npo", "keeps", -0.13, -0.22, -0.04, "inconclusive")
    add("npo", "no_language_leak", 0.84, 0.78, 0.9, "refuted")
    add("base", "forgets", 0.95, 0.89, 0.98, "refuted")
    add("base", "no_language_leak", 0.96, 0.9, 0.99, "refuted")
    add("oracle", "keeps", -0.005, -0.03, 0.02, "supported")
    return pd.DataFrame(rows)
