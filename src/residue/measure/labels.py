"""Files of labelled replies, one JSON object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residue.specs.injection import OUTCOMES

if TYPE_CHECKING:
    import pandas as pd


class LabelError(ValueError):
    """A file of labels that cannot be used; names file and line."""


def read_labels(path: str | Path) -> pd.DataFrame:
    """Labels of a run's replies: arm, pair, seed, item, label; arm base, pair 0 and seed 0 where a
    line names none."""
    import pandas as pd

    plain: dict[str, Any] = {"arm": "base", "pair": 0, "seed": 0}
    columns = [*plain, "item", "label"]
    rows = [plain | line for line in labelled(path, "item")]
    table = pd.DataFrame(rows, columns=columns).astype({"pair": "int64", "seed": "int64"})
    twice = table.duplicated(columns[:-1])
    if twice.any():
        raise LabelError(
            f"{path}: '{table[twice]['item'].iloc[0]}' is labelled twice; keep one line."
        )
    return table


def labelled(path: str | Path, key: str) -> Iterator[dict[str, Any]]:
    """The lines of a file, each with `key` and a label; `LabelError` names the first bad one."""
    with Path(path).open(encoding="utf-8") as file:
        for number, text in enumerate(file, start=1):
            if not text.strip():
                continue
            where = f"{path}, line {number}"
            try:
                line = json.loads(text)
            except json.JSONDecodeError as error:
                raise LabelError(f"{where}: is no JSON ({error.msg}); write one object.") from error
            if not isinstance(line, dict) or key not in line or "label" not in line:
                raise LabelError(f"{where}: needs the keys '{key}' and 'label'.")
            if line["label"] not in OUTCOMES:
                raise LabelError(
                    f"{where}: '{line['label']}' is no label; there are {', '.join(OUTCOMES)}."
                )
            yield line
