"""All metrics of one deck for one run of a model, in the form of the measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from residue.core import methods
from residue.measure.lines import COLUMNS, Line, as_table
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
    values: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Measurements of one (arm, pair, seed, condition): one line per metric and item, and row.

    records: by name, those of `needs(names)`: tables `generations` and `tokens`, the `RowsFile`
    `rows`, the `Head` `head`; items: the deck; values: of a model that is known by its outputs
    alone, numbers that came with them (item, metric, value): they stand for metrics whose records
    are not there, and where there are none either, each item is unscorable. Columns
    `MEASUREMENTS`. Raises `MetricError` where a metric is of another deck or leaves an empty table.
    """
    import pandas as pd

    tables = [_measure(records, items, name, values) for name in names]
    table = pd.concat(tables, ignore_index=True)
    for column, value in (("arm", arm), ("condition", condition)):
        table[column] = pd.Series([value] * len(table), dtype="str")
    table["pair"], table["seed"] = pair, seed
    return table.loc[:, list(MEASUREMENTS)]


def _measure(
    records: Mapping[str, Any], items: pd.DataFrame, name: str, values: pd.DataFrame | None
) -> pd.DataFrame:
    import pandas as pd

    module = metric(name)
    decks = sorted(set(items["deck"]))
    if decks != [module.DECK]:
        raise MetricError(
            f"'{name}' measures the deck '{module.DECK}', not '{', '.join(decks)}'; move it to "
            f"measures.metrics.{module.DECK}."
        )
    missing = [record for record in module.NEEDS if record not in records]
    if missing and values is not None:
        table = _brought(items, values[values["metric"] == name], missing)
    else:
        table = module.measure(records, items)
    if not len(table):
        raise MetricError(
            f"'{name}' finds nothing to measure in the deck '{module.DECK}'; add such items to the "
            "deck, or leave the metric out."
        )
    table.insert(0, "metric", pd.Series([name] * len(table), dtype="str", index=table.index))
    return table


def _brought(items: pd.DataFrame, values: pd.DataFrame, missing: Sequence[str]) -> pd.DataFrame:
    """The values that came with outputs; where there is none, the records that it would need."""
    known = dict(zip(values["item"], values["value"], strict=True))
    why = f"needs {' and '.join(missing)}; of this model there are outputs alone"
    return as_table(
        [
            Line(item, known[item], 1.0)
            if item in known
            else Line(item, status="unscorable", reason=why)
            for item in items["item"]
        ]
    )


def nothing() -> pd.DataFrame:
    """A table of measurements without a line."""
    import pandas as pd

    return pd.DataFrame(columns=list(MEASUREMENTS))
