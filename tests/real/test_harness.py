"""An exported task, run by lm-evaluation-harness itself, and its samples read back.

Opt-in: `RESIDUE_LM_EVAL=PYTHON`, a Python that has `lm_eval` and torch; its pins are not ours.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from residue import cli
from residue.core.artifacts import read_parquet, write_parquet
from residue.records.outputs.deck import asked_deck
from residue.records.outputs.reading import read_outputs
from residue.specs.outputs import Outputs
from tests import outputs_files
from tests.own_model import save_random_model

PYTHON = os.environ.get("RESIDUE_LM_EVAL", "")


@pytest.mark.skipif(not PYTHON, reason="opt-in: RESIDUE_LM_EVAL names a Python with lm_eval")
def test_the_harness_runs_an_exported_task(tmp_path: Path) -> None:
    source = outputs_files.jsonl(tmp_path / "o.jsonl", ())
    deck, _ = asked_deck(read_outputs([(Outputs(file="o"), source)])[0])
    (tmp_path / "r/world/decks").mkdir(parents=True)
    write_parquet(tmp_path / "r/world/decks/facts.parquet", deck)
    words = ["export", str(tmp_path / "task"), "--format", "lm-eval-task"]
    with pytest.raises(SystemExit, match="0"):
        cli.main([*words, "--out", str(tmp_path / "r")])
    model = save_random_model(tmp_path / "model")
    command = [
        PYTHON, "-m", "lm_eval", "--model", "hf", "--model_args", f"pretrained={model}",
        "--include_path", str(tmp_path / "task"), "--tasks", "residue_r_facts", "--device", "cpu",
        "--log_samples", "--output_path", str(tmp_path / "out"),
    ]  # fmt: skip
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    done = subprocess.run(command, env=os.environ | offline, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (samples,) = (tmp_path / "out").rglob("samples_*.jsonl")
    found, faults = read_outputs([(Outputs(file="s", set="forget"), samples)])
    assert not faults
    asked = read_parquet(tmp_path / "r/world/decks/facts.parquet")
    assert {each.key for each in found} == set(asked["item"])
