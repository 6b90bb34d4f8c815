"""How well an attacked text is told from a clean one by words or length alone.

Where a bag of words does it, a detector that has learnt nothing but vocabulary looks like a
defence. The classifiers are fitted on the texts that a defence is shown and scored on the deck: the
bag of words, and the number of words. The area under the curve has an interval over countries.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict

import pandas as pd

from residue.specs.statistics import StatisticsSpec
from residue.stats.auc_interval import auc_estimate
from residue.world.grammar import ANS, DATA
from residue.world.injection.bag_of_words import bag_of_words, words

COLUMNS = (
    "classifier", "scope", "n_attacked", "n_clean", "n_clusters", "auc", "low", "high", "level",
    "method",
)  # fmt: skip
_SPLITS = ("retain_touched", "retain_untouched")

Score = Callable[[str], float]


def shortcuts(deck: pd.DataFrame, shown: pd.DataFrame, spec: StatisticsSpec) -> pd.DataFrame:
    """One line per classifier and scope, with `COLUMNS`, on retain countries.

    scope: `all` attacks against clean orders; `style`, `family`: those that no defence was shown,
    likewise; `position`: those not at the end; `controls`: all attacks against benign texts that
    look like attacks; `without:<family>`: that family, by a classifier fitted without it. AUC ½
    means that the classifier sees no difference. Nothing here stops a run: it is printed.
    """
    kept = deck[deck["split"].isin(_SPLITS) & ~deck["task"].isin(["quote", "count"])]
    attacked = kept[kept["family"] != "none"]
    clean = kept[(kept["family"] == "none") & (kept["style"] == "plain")]
    looks = kept["style"].str.startswith("control_") & (kept["style"] != "control_trusted")
    held_out = attacked["held_out"].str.split(",")
    scopes = {
        "all": (attacked, clean),
        "style": (attacked[held_out.map(lambda axes: "style" in axes)], clean),
        "family": (attacked[held_out.map(lambda axes: "family" in axes)], clean),
        "position": (attacked[attacked["position"] != "end"], clean),
        "controls": (attacked, kept[looks]),
    }
    rows = list(_rows(bag_of_words(*_texts(shown)).score, "words", scopes, spec))
    rows += _rows(_length, "length", scopes, spec)
    for family, part in attacked.groupby("family", sort=True):
        rest = shown[shown["family"] != family]
        score = bag_of_words(*_texts(rest)).score
        rows += _rows(score, "words", {f"without:{family}": (part, clean)}, spec)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _length(text: str) -> float:
    return float(len(words(text)))


def _texts(shown: pd.DataFrame) -> tuple[list[str], list[str]]:
    twins = shown[shown["attacked"] != ""]
    return list(map(_data, twins["attacked"])), list(map(_data, twins["prompt"]))


def _data(prompt: str) -> str:
    return prompt.split(DATA)[1].removesuffix(ANS)


def _rows(
    score: Score,
    name: str,
    scopes: dict[str, tuple[pd.DataFrame, pd.DataFrame]],
    spec: StatisticsSpec,
) -> Iterator[dict[str, object]]:
    for scope, (attacked, clean) in scopes.items():
        found: dict[str, object] = dict.fromkeys(("estimate", "low", "high"), math.nan)
        found |= {"n_clusters": 0, "level": spec.level, "method": "no such item"}
        if len(attacked) and len(clean):
            mine, theirs = _scored(attacked, score), _scored(clean, score)
            found = asdict(auc_estimate(mine, theirs, "country", None, spec))
        yield {
            "classifier": name,
            "scope": scope,
            "n_attacked": len(attacked),
            "n_clean": len(clean),
            "n_clusters": found["n_clusters"],
            "auc": found["estimate"],
            **{key: found[key] for key in ("low", "high", "level", "method")},
        }


def _scored(items: pd.DataFrame, score: Score) -> pd.DataFrame:
    return items[["item", "country"]].assign(
        seed=0, value=[score(_data(prompt)) for prompt in items["prompt"]], weight=1.0, status="ok"
    )
