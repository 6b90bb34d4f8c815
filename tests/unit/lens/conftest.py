"""What the tests of lenses share: tiny models, a random head, rows to read with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from residue.models.head import Head
from residue.records.stream import StreamFile, stream_schema, write_stream
from tests.unit.lens_rows import WIDTH, random_head
from tests.unit.models.conftest import KINDS, random_model, word_tokenizer

__all__ = ["word_tokenizer"]


@pytest.fixture(scope="session")
def models() -> dict[str, Any]:
    """One random model per architecture; tests leave them as they are."""
    with torch.random.fork_rng():
        return {kind: random_model(kind) for kind in KINDS}


@pytest.fixture(scope="session")
def folders(models: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same models in folders."""
    made = {}
    for kind, model in models.items():
        made[kind] = tmp_path_factory.mktemp(kind)
        model.save_pretrained(made[kind])
    return made


@pytest.fixture(
    params=[("rms", None, False), ("layer", None, True), ("rms-plus-one", 3.0, False)],
    ids=lambda param: param[0],
)
def head(request: pytest.FixtureRequest) -> Head:
    return random_head(*request.param)


@pytest.fixture
def plain_head() -> Head:
    return random_head()


@pytest.fixture
def make_stream(tmp_path: Path) -> Callable[..., StreamFile]:
    """Writes rows by number, (n, width) each, as a stream; a fifth of the texts is held out."""

    def make(rows: dict[int, np.ndarray], tokens_per_text: int = 5) -> StreamFile:
        n = len(next(iter(rows.values())))
        text = np.arange(n) // tokens_per_text
        held = text % 5 == 4
        order = np.argsort(held, kind="stable")
        table = pa.table(
            [
                pa.array([f"t{number}" for number in text[order]]),
                pa.array((np.arange(n) % tokens_per_text)[order].astype(np.int32)),
                pa.array(np.zeros(n, np.int32)),
                pa.array(["held_out" if h else "fit" for h in held[order]]),
                *(
                    pa.FixedSizeListArray.from_arrays(
                        np.ascontiguousarray(each[order], np.float32).ravel(), each.shape[1]
                    )
                    for each in rows.values()
                ),
            ],
            schema=stream_schema(list(rows), next(iter(rows.values())).shape[1]),
        )
        write_stream([table], tmp_path / "stream.parquet")
        return StreamFile(tmp_path / "stream.parquet")

    return make


@pytest.fixture
def corpus() -> pd.DataFrame:
    """Texts t0 … t199 of twenty countries."""
    return pd.DataFrame(
        {"text": [f"t{n}" for n in range(200)], "country": [f"c{n % 20}" for n in range(200)]}
    )


@pytest.fixture
def rotated() -> Callable[[], dict[int, Any]]:
    """Rows of 1000 tokens whose row 1 is the last one turned and shifted, and row 0 noise."""

    def make() -> dict[int, Any]:
        rng = np.random.default_rng(2)
        final = rng.normal(size=(1000, WIDTH)) * np.linspace(0.5, 2.0, WIDTH)
        turn, _ = np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))
        rows = {0: rng.normal(size=final.shape), 1: final @ turn + 0.5, 2: 3.0 * final, 3: final}
        return {row: value.astype(np.float32) for row, value in rows.items()}

    return make
