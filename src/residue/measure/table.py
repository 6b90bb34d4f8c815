"""All metrics of one deck for one run of a model, in the form of the measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from residue.core import methods
from residue.measure.lines import COLUMNS
from residue.specs.measures import METRICS

if TYPE_CHECKING:
    import pandas as pd

MEASUREMENTS = ("metric", "arm", "pair", "seed", "condition", *COLUMNS)


class MetricError(ValueError):
    """A metric that cannot be used as the config asks."""


def metric(name: str) -> Any:
    """The module of a metric: NEEDS, DECK, TITLE, UNIT and `measure`."""
    return methods.load(METRICS, name)


def needs(names: Sequence[str]) -> list[str]:
    """The records that the named metrics read, each once."""
    return sorted({record for name in names for record in metric(name).NEEDS})


def measure_all(
    records: Mapping[str, Any],
    items: pd.DataFrame,
    names: Sequence[str],
    *,
    arm: str,
    pair: int,
    seed: int,
    condition: str = "plain",
) -> pd.DataFrame:
    """Measurements of one (arm, pair, seed, condition): one line per metric and item, and row.

    records: by name, those of `needs(names)`: tables `generations` and `tokens`, the `RowsFile`
    `rows`, the `Head` `head`; items: the deck. Columns `MEASUREMENTS`. Raises
    `MetricError` where a metric is of another deck or leaves an empty table.
    """
    import pandas as pd

    tables = [_measure(records, items, name) for name in names]
    table = pd.concat(tables, ignore_index=True)
    for column, value in (("arm", arm), ("condition", condition)):
        table[column] = pd.Series([value] * len(table), dtype="str")
    table["pair"], table["seed"] = pair, seed
    return table.loc[:, list(MEASUREMENTS)]


def _measure(records: Mapping[str, Any], items: pd.DataFrame, name: str) -> pd.DataFrame:
    import pandas as pd

    module = metric(name)
    decks = sorted(set(items["deck"]))
    if decks != [module.DECK]:
        raise MetricError(
            f"'{name}' measures the deck '{module.DECK}', not '{', '.join(decks)}'; move it to "
            f"measures.metrics.{module.DECK}."
        )
    table: pd.DataFrame = module.measure(records, items)
    if not len(table):
        raise MetricError(
            f"'{name}' finds nothing to measure in the deck '{module.DECK}'; add such items to the "
            "deck, or leave the metric out."
        )
    table.insert(0, "metric", pd.Series([name] * len(table), dtype="str", index=table.index))
    return table


def joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Measurements of several runs as one table."""
    import pandas as pd

    return pd.concat(tables, ignore_index=True)
