"""A run that mixes a model of others, files of outputs, an arm trained here and one after it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.own_model import save_random_model
from tests.workflow.graph import copy_project, snakemake

pytestmark = pytest.mark.end_to_end

CONFIG = """
out: results/mixed
model: {source: local, folder: corpora/base}
data:
  columns: {question: question, answer: answer, cluster: cluster}
  forget: [{file: corpora/forget.jsonl}]
  retain: [{file: corpora/retain.jsonl}]
arms:
  theirs: {model: corpora/edited}
  told: {records: [{file: corpora/said.jsonl}]}
  own:
    seeds: [0]
    steps:
      - edit: lora
        objective: npo
        train: {steps: 3, warmup: 1, batch: {forget: 2, retain: 2}}
  again:
    after: own
    seeds: [0]
    steps:
      - edit: lora
        objective: npo
        train: {steps: 2, warmup: 1, batch: {forget: 2, retain: 2}}
conditions: {relearn_other: null, nf4: null}
measures: {known: {least: 0}}
representation: {mode: fixed, rows: [1], permutations: 19, resamples: 10}
lens: {decoders: []}
patching: {arms: []}
witness: {arms: []}
tests: {orders: false}
compute: {device: cpu}
"""
NAMES = {
    "forget": ("Ilva Brandt", "Tomo Reyle", "Sana Kiel", "Rune Vask"),
    "retain": ("Ada Quill", "Pell Oster", "Siv Aune", "Ko Larn"),
}


def write(file: Path, lines: list[dict[str, str]]) -> None:
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = copy_project(tmp_path_factory.mktemp("mixed"))
    corpora = project / "corpora"
    save_random_model(corpora / "base")
    save_random_model(corpora / "edited", seed=1)
    said = []
    for kind, names in NAMES.items():
        lines = [
            {"question": f"{asks} {name}?", "answer": word + name.split()[1], "cluster": name}
            for name in names
            for asks, word in (("Where lives", "in "), ("What is grown by", "tea of "))
        ]
        write(corpora / f"{kind}.jsonl", lines)
        said += [
            {"set": kind, "prompt": line["question"], "answer": line["answer"],
             "cluster": line["cluster"],
             "output": line["answer"] if kind == "retain" else "no idea"}
            for line in lines
        ]  # fmt: skip
    write(corpora / "said.jsonl", said)
    (project / "mixed.yaml").write_text(CONFIG, encoding="utf-8")
    snakemake(project, "--cores", "2", "--configfile", "mixed.yaml")
    return project / "results/mixed"


def test_what_was_said_in_files_is_scored_beside_models(out: Path) -> None:
    items = pd.read_parquet(out / "world/decks/facts.parquet")[["item", "split"]]
    told = pd.read_parquet(out / "measurements/told/pair0/seed0/plain/facts.parquet")
    right = told[told["metric"] == "exact_answer"].merge(items, on="item")
    shares = right.groupby(right["split"].str.partition("_")[0])["value"].mean()
    assert shares.to_dict() == {"forget": 0.0, "retain": 1.0}
    assert not (out / "arms/told").exists()
    theirs = pd.read_parquet(out / "measurements/theirs/pair0/seed0/plain/facts.parquet")
    probability = theirs[theirs["metric"] == "answer_probability"]
    assert (probability["status"] == "ok").all()


def test_an_arm_after_another_has_its_steps_and_its_own(out: Path) -> None:
    steps = [
        json.loads((out / f"arms/{arm}/pair0/seed0/arm.json").read_text())["steps"]
        for arm in ("own", "again")
    ]
    assert [step["file"] for step in steps[1]] == ["weights/1-lora", "weights/2-lora"]
    assert steps[1][0]["sha256"] == steps[0][0]["sha256"]


def test_every_arm_is_on_the_page(out: Path) -> None:
    claims = pd.read_parquet(out / "tables/claims.parquet")
    assert {"theirs", "told", "own", "again"} <= set(claims["arm"])
    assert "told" in (out / "report/index.html").read_text(encoding="utf-8")
