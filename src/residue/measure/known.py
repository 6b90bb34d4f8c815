"""The base-knows filter: which facts there were to forget, decided on other templates."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from residue.specs.measures import KnownSpec

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

FACT = ("country", "relation", "language")
DECIDED_BY = "exact_answer"


def find_known(measurements: pd.DataFrame, items: pd.DataFrame, spec: KnownSpec) -> pd.DataFrame:
    """Whether the base knows each item's fact, asked in every template but the item's own.

    measurements: of the base, with `exact_answer`; items: the facts deck, and other decks that ask
    about the same facts. A fact is a country,
    relation and language. Evidence is the base's scored answers to plain items of the same fact in
    other templates, so that choosing items here does not choose on the number that is scored later
    (which would make the base look perfect and every edit worse by regression to the mean).
    Returns item, country, relation, language, template, n_other, n_right, known; known where
    n_other ≥ spec.least and n_right ≥ spec.share · n_other.
    """
    own = measurements[measurements["metric"] == DECIDED_BY]
    if not len(own):
        raise ValueError(f"the base's measurements lack {DECIDED_BY}; add it to measures.metrics.")
    scored = own.loc[own["status"] == "ok", ["item", "value"]]
    evidence = items[items["style"] == "plain"].merge(scored, on="item", validate="one_to_one")
    table = items.loc[:, ["item", *FACT, "template"]].reset_index(drop=True)
    of_fact = _counts(evidence, table, FACT)
    of_template = _counts(evidence, table, (*FACT, "template"))
    other = of_fact - of_template
    table["n_other"] = other["n"].astype("int32")
    table["n_right"] = other["right"].astype("int32")
    enough = table["n_other"] >= spec.least
    # Whole counts: a share of 2/3 must not fail by rounding.
    table["known"] = enough & (table["n_right"] >= spec.share * table["n_other"] - 1e-9)
    undecided = int((~enough).sum())
    logger.info("the base knows %d of %d items", int(table["known"].sum()), len(table))
    if undecided:
        logger.warning(
            "%d items have fewer than %d in other templates and count as unknown",
            undecided,
            spec.least,
        )
    return table


def without_base(items: pd.DataFrame) -> pd.DataFrame:
    """The same where there is no base to ask: nothing decides, and every fact counts as known."""
    logger.warning("there is no base, so all %d items count as known", len(items))
    table = items.loc[:, ["item", *FACT, "template"]].reset_index(drop=True)
    nothing = {"n_other": 0, "n_right": 0}
    return table.assign(**nothing).astype(dict.fromkeys(nothing, "int32")).assign(known=True)


def _counts(evidence: pd.DataFrame, table: pd.DataFrame, by: tuple[str, ...]) -> pd.DataFrame:
    """Items asked (n) and answered (right) with the same `by`, one line per line of `table`."""
    counts = evidence.groupby(list(by))["value"].agg(n="size", right="sum").reset_index()
    joined = table.merge(counts, on=list(by), how="left", validate="many_to_one")
    return joined.loc[:, ["n", "right"]].fillna(0)
