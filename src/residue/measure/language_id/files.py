"""The identifier on disk: counts of the letter model as JSON, its errors as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from residue.core.artifacts import read_json, read_parquet
from residue.measure.language_id.identify import Identifier
from residue.measure.language_id.ngrams import NgramModel
from residue.specs.fields import load, plain
from residue.specs.measures import LanguageIdSpec


def as_json(model: NgramModel, spec: LanguageIdSpec) -> dict[str, Any]:
    """What `read_identifier` reads beside the table of errors."""
    return {"counts": model.counts, "spec": plain(spec)}


def read_identifier(model: Path, errors: Path) -> Identifier:
    """An identifier with the errors that it was found to make."""
    held = read_json(model)
    table = read_parquet(errors)
    keys = zip(table["language"], table["script"], table["unit"], strict=True)
    return Identifier(
        NgramModel(held["counts"]),
        dict(zip(keys, table["error"].astype(float), strict=True)),
        load(LanguageIdSpec, held["spec"], "measures.language_id"),
    )
