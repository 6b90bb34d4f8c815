"""The stage that summarises an arm: run as Snakemake would run it, its tables as documented."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from summary_tables import random_pairs, random_table
from test_data_formats import documented, words
from tokenizers import Tokenizer, models, pre_tokenizers

from residue.core import provenance
from residue.core.artifacts import write_parquet
from residue.specs.fields import plain
from residue.specs.lens_summaries import LensSummariesSpec

SCRIPT = Path(__file__).resolve().parents[3] / "workflow_scripts" / "summarise_lens.py"
NAMES = ("milestones", "controls", "ablations", "audits", "guidance")
ITEMS = {"a": "orig", "a/no_filler": "no_filler"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the stage ran on tables of two lenses."""
    folder = tmp_path_factory.mktemp("run")
    for lens in ("next_norm", "raw"):
        table = pd.concat([random_table(item, lens) for item in ITEMS], ignore_index=True)
        (folder / lens).mkdir()
        write_parquet(folder / lens / "base.parquet", table)
    write_parquet(folder / "pairs.parquet", pd.concat([random_pairs(item) for item in ITEMS]))
    deck = pd.DataFrame({
        "item": list(ITEMS), "style": list(ITEMS.values()), "twin": ["", "a"],
        "prompt": ["t3 t5 t7", "t3 t5"],
    })  # fmt: skip
    write_parquet(folder / "deck.parquet", deck)
    tokenizer = Tokenizer(models.WordLevel({f"t{i}": i for i in range(40)}, unk_token="t0"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "arch.json").write_text('{"vocabulary": 40}')
    spec = {"lens_summaries": plain(LensSummariesSpec()), "wildcards": {"arm": "base"}}
    io = {
        "in": {
            "tables": ["next_norm/base.parquet", "raw/base.parquet"],
            "pairs": "pairs.parquet", "deck": "deck.parquet", "head": "arch.json",
            "tokenizer": ["tokenizer.json"],
        },
        "out": {name: f"out/{name}.parquet" for name in NAMES},
        "state": "state",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--spec", provenance.canonical(spec), "--code",
         provenance.code_digest(SCRIPT), "--io", json.dumps(io)],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_tables_have_the_documented_columns(name: str, made: Path) -> None:
    schema = pq.read_schema(made / "out" / f"{name}.parquet")
    assert documented()[f"lens {name}"] == {field.name: words(field.type) for field in schema}
    assert pq.read_metadata(made / "out" / f"{name}.parquet").num_rows


def test_the_stage_loads_neither_models_nor_torch(made: Path) -> None:
    manifest = json.loads((made / "out" / "milestones.parquet.manifest.json").read_text())
    assert not {"torch", "transformers"} & set(manifest["versions"])
