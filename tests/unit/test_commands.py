"""The longer commands: an audit's config is read as it was meant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from residue.commands.audit import Asked, AuditError, prepare
from residue.specs.config import read_config


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A base, an edited model and an adapter by their config files alone, and a divided file."""
    monkeypatch.chdir(tmp_path)
    for name in ("base", "Edited-1", "9-lora"):
        (tmp_path / name).mkdir()
        file = "adapter_config.json" if "lora" in name else "config.json"
        (tmp_path / name / file).write_text("{}")
    lines = [
        {"set": name, "prompt": f"{name} {i}?", "a": "x", "who": f"{name}-{i}"}
        for name in ("forget", "retain")
        for i in range(3)
    ]
    (tmp_path / "f.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path


def test_the_config_of_an_audit_is_read_as_it_was_meant(folders: Path) -> None:
    asked = Asked(
        models=[Path("Edited-1"), Path("9-lora")], base=Path("base"), data=Path("f.jsonl"),
        out=Path("results/a"), columns={"cluster": "who"}, quick=True,
    )  # fmt: skip
    plan = read_config(yaml.safe_load(prepare(asked).read_text()))
    arms = plan.config.arms
    assert {name: (arm.model, arm.adapter) for name, arm in arms.items()} == {
        "edited_1": ("Edited-1", None),
        "model_9_lora": (None, "9-lora"),
    }
    columns = plan.config.data.columns
    assert (columns.question, columns.answer, columns.cluster) == ("prompt", "a", "who")
    assert plan.attacks() == []
    assert not plan.reads_rows()
    assert plan.config.measures.known.least == 0
    for _, _, source in plan.config.data.sources():
        lines = Path(source.file).read_text().splitlines()
        assert {json.loads(line)["set"] for line in lines} == {Path(source.file).stem}


def test_an_audit_that_cannot_be_says_what_to_give(folders: Path) -> None:
    asked = {"base": Path("base"), "out": Path("o"), "models": [Path("Edited-1")]}
    one = folders / "one.jsonl"
    one.write_text('{"question": "a?", "answer": "b"}\n')
    with pytest.raises(AuditError, match="add --retain FILE"):
        prepare(Asked(data=one, **asked))
    with pytest.raises(AuditError, match="--columns question=q"):
        prepare(Asked(data=_file(folders, {"x": 1}), **asked))
    with pytest.raises(AuditError, match="neither config.json nor adapter_config"):
        prepare(Asked(data=folders / "f.jsonl", **{**asked, "models": [folders]}))


def _file(folder: Path, line: dict[str, object]) -> Path:
    (folder / "odd.jsonl").write_text(json.dumps(line) + "\n")
    return folder / "odd.jsonl"
