"""Reading and writing of typed files: Parquet tables and JSON. Bytes depend on content alone.

Whole files, manifests and checks against them are the affair of `residue.stage`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residue.core import provenance
from residue.core.text import shown

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def write_parquet(path: str | os.PathLike[str], table: pd.DataFrame | pa.Table) -> None:
    """Write a table: zstd, no index, the same bytes for the same content."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not isinstance(table, pa.Table):
        try:
            table = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
        except UnicodeEncodeError as error:
            raise ValueError(
                f"{os.fspath(path)}: the text '{shown(error.object, 80)}' holds half of a "
                "surrogate pair, which no table can store; mend it in the file it was read from."
            ) from error
    pq.write_table(table, os.fspath(path), compression="zstd")


def read_parquet(
    path: str | os.PathLike[str], columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Read a table; lists come back as numpy arrays."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        frame: pd.DataFrame = pq.read_table(os.fspath(path), columns=columns).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, "Parquet", error) from error
    return frame


def read_parquets(paths: Iterable[str | os.PathLike[str]]) -> pd.DataFrame:
    """Read tables of one form as one table, in the order given."""
    return joined(read_parquet(path) for path in paths)


def joined(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Tables of one form as one table, in the order given."""
    import pandas as pd

    return pd.concat(list(tables), ignore_index=True)


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write readable JSON with sorted keys."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    # Python writes half of a surrogate pair, as in odd file names, just as JSON escapes it.
    Path(path).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise _damaged(path, "JSON", error) from error


def _damaged(path: str | os.PathLike[str], form: str, error: Exception) -> Exception:
    """What to raise for a file that does not read as its form; a file that cannot be opened at all
    keeps the system's own reason."""
    if isinstance(error, OSError) and error.errno is not None:
        return error
    return provenance.StaleFileError(
        f"{os.fspath(path)} is not whole {form} ({shown(error, 200)}); put a whole file there, or "
        "delete it and run snakemake again."
    )
