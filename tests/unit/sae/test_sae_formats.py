"""docs/data-formats.md names the columns and keys that SAEs are written with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from residue.core.artifacts import write_parquet
from residue.sae.features import Witness, pick
from residue.sae.files import save_sae
from residue.sae.folders import read_saes
from residue.sae.learner import Trained
from residue.sae.models import Sae
from residue.sae.origin import hook_name, origin
from residue.sae.scores import score_rows, score_table
from residue.sae.sums import Places, sum_codes
from residue.sae.training import train_saes
from residue.specs.sae import FeatureSpec, SaeShape, SaeSpec, SaeTraining
from tests.unit.sae.conftest import ROW, WIDTH, K
from tests.unit.test_data_formats import documented, words

SPEC = SaeTraining(tokens=60, batch=10)


def schema(table: pd.DataFrame, folder: Path) -> dict[str, str]:
    write_parquet(folder / "table.parquet", table)
    written: pa.Schema = pq.read_schema(folder / "table.parquet")
    return {field.name: words(field.type) for field in written}


def test_tables_have_the_documented_columns(
    make_sae: Callable[..., Sae], rows: np.ndarray, tmp_path: Path
) -> None:
    sae, pages = make_sae(), documented()
    _, history = train_saes(lambda _: [rows[:10]], [SaeShape(k=2)], SPEC, row=0, seed=0)
    assert pages["sae_history"] == schema(history, tmp_path)
    assert pages["sae_scores"] == schema(score_table([("a", *score_rows(sae, [rows]))]), tmp_path)
    texts = [f"t{number}" for number in range(len(rows))]
    corpus = pd.DataFrame(
        {
            "text": texts,
            "set": ["forget", "retain"] * 30,
            "language": "en",
            "country": [f"c{number % 8}" for number in range(60)],
        }
    )
    sums = sum_codes(
        {"a": sae}, Places(corpus), [(texts, rows)], ((t, rows[:2], rows[:2]) for t in texts)
    )
    spec = FeatureSpec(keep=3, draws=2, percentile=50)
    table = pick(Witness(sae, sums["a"]), [], rows, spec, 0)
    assert pages["features"] == schema(table, tmp_path)


def base(folder: Path) -> list[Path]:
    """The files of a base, its weights without meaning."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (folder / "model.safetensors").write_bytes(folder.name.encode())
    return sorted(folder.iterdir())


def test_a_folder_says_where_it_comes_from_and_is_read_back(
    make_sae: Callable[..., Sae], tmp_path: Path
) -> None:
    model = base(tmp_path / "base")
    spec = SaeSpec(shape=SaeShape(k=K), beside=(SaeShape(k=K, seed=1),))
    for shape, folder in zip(spec.shapes, ("first", "beside/" + spec.beside[0].name), strict=True):
        sae = make_sae(seed=shape.seed)
        made = origin(model, Trained(sae, shape, 0.5), SPEC)
        save_sae(tmp_path / folder, sae, made)
        keys = json.loads((tmp_path / folder / "cfg.json").read_text())["metadata"]
        ours = {name for name in keys if name.startswith("residue_")}
        assert set(documented()["sae"]) == ours
        assert (keys["residue_seed"], keys["residue_tokens"]) == (shape.seed, 60)
        assert keys["hook_name"] == f"model.layers.{ROW - 1}"
        assert str(tmp_path) not in json.dumps(keys)  # no path of the machine
    read = read_saes(tmp_path / "first", tmp_path / "beside", spec, model)
    assert list(read) == [shape.name for shape in spec.shapes]
    assert all((sae.width, sae.row) == (WIDTH, ROW) for sae in read.values())
    with pytest.raises(ValueError, match="residue_model_sha256"):
        read_saes(tmp_path / "first", tmp_path / "beside", spec, base(tmp_path / "other"))


def test_row_names_are_module_paths() -> None:
    assert hook_name("llama", 0) == "model.embed_tokens"
    assert hook_name("llama", 3) == "model.layers.2"
    assert hook_name("gpt2", 1) == "transformer.h.0"
