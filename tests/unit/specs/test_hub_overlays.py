"""The overlays for models of the hub: valid, short, and honest about what was run."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from residue.specs.config import Config
from residue.specs.fields import SpecError
from residue.specs.plan import read_config
from residue.specs.schema import schema_of

FOLDER = Path(__file__).resolve().parents[3] / "config" / "models"
FILES = sorted(FOLDER.glob("*.yaml"))
SCHEMA = Draft202012Validator(schema_of(Config))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_overlay_is_a_config_that_says_it_was_not_run(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    data = yaml.safe_load(text)
    assert text.startswith("# yaml-language-server: $schema=../schema.json\n")
    assert "Not yet run by us" in text
    assert len(text.splitlines()) <= 32
    SCHEMA.validate(data)
    plan = read_config(data)
    assert plan.config.model.source == "hub"
    assert plan.config.out == f"results/{file.stem}"
    assert plan.unedited() == (("base", "oracle") if "implant" in data else ("base",))


def test_the_models_of_the_issue_are_there() -> None:
    named = {yaml.safe_load(file.read_text())["model"]["id"].partition("/")[2] for file in FILES}
    assert named == {
        "Qwen2.5-0.5B-Instruct", "Qwen2.5-1.5B-Instruct", "Llama-3.2-1B-Instruct",
        "Llama-3.2-3B-Instruct", "TinyLlama-1.1B-Chat-v1.0", "gemma-2-2b-it", "pythia-410m",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"model": {"source": "hub"}}, "model.id: is needed"),
        ({"model": {"source": "hub", "id": "../x"}}, "no name on the hub"),
        ({"model": {"revision": "v1"}}, "model.revision: is read only when `source` is hub"),
        ({"implant": {"teach": True}}, "needs a given model"),
        ({"implant": {"rank": 7}}, "nothing under `implant` is read"),
        ({"model": {"source": "hub", "id": "a/b"}, "pairs": 2}, "one folder is one checkpoint"),
        ({"compute": {"probe": ["nobody"]}}, "not an edited arm"),
        ({"compute": {"memory_gib": 0}}, "must be above 0"),
    ],
)
def test_what_does_not_go_together_is_refused(data: dict[str, object], sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        read_config(data)
