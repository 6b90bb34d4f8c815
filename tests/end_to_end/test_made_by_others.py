"""The worked examples of docs/made-by-others.md: their commands, run as they stand."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.own_model import save_random_model
from tests.workflow.graph import ROOT, copy_project

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after the commands of the page, on two random models."""
    folder = copy_project(tmp_path_factory.mktemp("others"))
    save_random_model(folder / "corpora/base")
    save_random_model(folder / "corpora/edited", seed=1)
    text = (ROOT / "docs/made-by-others.md").read_text(encoding="utf-8")
    commands = "\n".join(re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL))
    commands = commands.replace(".venv/bin/snakemake", f"{sys.executable} -m snakemake")
    commands = commands.replace(".venv/bin/residue", f"{sys.executable} -m residue.cli")
    done = subprocess.run(
        ["bash", "-euc", commands], cwd=folder, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(folder / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def manifests(out: Path) -> list[dict[str, object]]:
    return [json.loads(file.read_text()) for file in out.rglob("*.manifest.json")]


def test_a_model_of_others_is_an_arm(project: Path) -> None:
    out = project / "results/audit"
    claims = pd.read_parquet(out / "tables/claims.parquet")
    assert {"edited", "base"} == set(claims["arm"])
    measured = pd.read_parquet(out / "measurements/edited/pair0/seed0/plain/facts.parquet")
    assert (measured["status"] == "ok").any()
    assert not (out / "records/edited/pair0/seed0/plain/orders").exists()


def test_files_of_outputs_need_neither_model_nor_torch(project: Path) -> None:
    out = project / "results/alone"
    notes = manifests(out)
    assert notes
    for note in notes:
        assert not {"torch", "transformers", "peft"} & set(note["versions"])  # type: ignore[call-overload]
    assert not (out / "models").exists()
    table = pd.read_parquet(out / "tables/estimates.parquet").set_index(["estimand", "arm"])
    assert table.loc[("forget", "base"), "estimate"] == 1.0
    assert table.loc[("forget", "theirs"), "estimate"] == 0.5
    assert table.loc[("retain", "theirs"), "estimate"] == 1.0
    measured = pd.read_parquet(out / "measurements/theirs/pair0/seed0/plain/facts.parquet")
    of_tokens = measured[measured["metric"] == "perplexity"]
    assert of_tokens["reason"].str.contains("outputs alone").all()
    page = (out / "report/index.html").read_text(encoding="utf-8")
    assert "None was there: files hold what each model said" in page
    assert "countr" not in page.replace("countries.parquet", "").lower()


def test_what_was_handed_on_is_there(project: Path) -> None:
    folder = project / "results"
    assert (folder / "merged/model.safetensors").is_file()
    content = json.loads((folder / "eval/RESIDUE_EVAL.json").read_text())
    assert len(content["forget_Q_A_ROUGE"]["value_by_index"]) == 4
    assert list((folder / "task").glob("*.yaml"))
