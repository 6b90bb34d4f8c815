"""Tables as rows, for text that is written one row at a time."""

from __future__ import annotations

from typing import Any

import pandas as pd


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as dicts by column name."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
