"""The table in docs/reruns.md is what the graph does: each row is tried on a copy."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.workflow.graph import ROOT, closure, copy_project, plan, rerun

pytestmark = pytest.mark.workflow

CONFIG = """
arms:
  npo: {seeds: [0, 1, 2]}
  other:
    seeds: [0]
    steps: [{edit: lora, objective: other}]
"""


OWN = """
model: {source: local, folder: corpora/own/model}
data:
  columns: {question: q, answer: a}
  forget: [{file: corpora/own/forget.jsonl}]
  retain: [{file: corpora/own/retain.jsonl}]
"""
MODEL = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


def rows(own: bool = False) -> list[tuple[str, str]]:
    """(edit, what re-runs) of every row whose first cell starts with a known verb.

    own: the rows under the heading "Users' data", which start from a run on such data."""
    found = []
    heading = ""
    for line in (ROOT / "docs" / "reruns.md").read_text(encoding="utf-8").splitlines():
        heading = line if line.startswith("## ") else heading
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 2 and own == ("Users' data" in heading):
            found.append((cells[0].strip("`"), cells[1]))
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with a second arm on a second objective, so that 'only that arm' means something."""
    folder = copy_project(tmp_path_factory.mktemp("project"))
    objectives = folder / "src/residue/edits/objectives"
    shutil.copy(objectives / "npo.py", objectives / "other.py")
    (folder / "config" / "matrix.yaml").write_text(CONFIG)
    (folder / "config" / "own.yaml").write_text(OWN)
    (folder / "corpora/own/model").mkdir(parents=True)
    for name in (*(f"model/{each}" for each in MODEL), "forget.jsonl", "retain.jsonl"):
        (folder / "corpora/own" / name).write_text("{}\n")
    return folder


@pytest.fixture(scope="module")
def before(project: Path) -> dict:
    return plan(project, "--configfile", "config/matrix.yaml")


@pytest.fixture(scope="module")
def before_own(project: Path) -> dict:
    return plan(project, "--configfile", "config/matrix.yaml", "config/own.yaml")


def apply(edit: str, project: Path) -> tuple[list[str], frozenset[str]]:
    """Carry out one edit in the copy; returns further overlays and changed data files."""
    verb, rest = edit.split(" ", 1)
    if verb == "config":
        (project / "config" / "edit.yaml").write_text(rest.replace("; ", "\n") + "\n")
        return ["config/edit.yaml"], frozenset()
    path = project / rest
    if verb == "code":
        path.write_text(path.read_text() + "\n\ndef _an_edit() -> None:\n    return None\n")
    elif verb == "comment":
        path.write_text(path.read_text() + "\n# a comment\n")
    elif verb == "docstring":
        path.write_text(re.sub(r'^"""', '"""Said otherwise. ', path.read_text(), count=1))
    elif verb == "touch":
        path.touch()
    elif verb == "new-file":
        path.write_text('"""A new method."""\n\nVALUE = 1\n')
    elif verb == "data":
        path.write_text(path.read_text() + "\n")
        return [], frozenset({rest})
    else:
        raise AssertionError(f"docs/reruns.md: unknown edit '{edit}'")
    return [], frozenset()


def matches(token: str, job_key: tuple) -> bool:
    rule, _, chosen = token.rstrip("]").partition("[")
    wildcards = dict(job_key[1])
    wanted = dict(pair.split("=") for pair in chosen.split(",")) if chosen else {}
    return rule == job_key[0] and all(wildcards.get(k) == v for k, v in wanted.items())


@pytest.mark.parametrize(("edit", "expected"), rows(), ids=[edit for edit, _ in rows()])
def test_an_edit_reruns_exactly_what_the_table_says(
    edit: str, expected: str, project: Path, before: dict, tmp_path: Path
) -> None:
    check(edit, expected, project, before, tmp_path, "config/matrix.yaml")


@pytest.mark.parametrize(("edit", "expected"), rows(own=True), ids=[e for e, _ in rows(own=True)])
def test_an_edit_of_a_run_on_users_data_too(
    edit: str, expected: str, project: Path, before_own: dict, tmp_path: Path
) -> None:
    check(edit, expected, project, before_own, tmp_path, "config/matrix.yaml", "config/own.yaml")


def check(
    edit: str, expected: str, project: Path, before: dict, tmp_path: Path, *configs: str
) -> None:
    """Compare what an edit makes stale with what the table says."""
    copy = tmp_path / "edited"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("__pycache__", ".snakemake"))
    overlays, changed = apply(edit, copy)
    after = plan(copy, "--configfile", *configs, *overlays)
    stale = {job.key for job in rerun(before, after, changed)}
    tokens = re.findall(r"`([^`]+)`", expected)
    if "everything" in expected:
        wanted = set(after)
    else:
        named = {t: {job for key, job in after.items() if matches(t, key)} for t in tokens}
        assert all(named.values()), f"no such job: {[t for t, jobs in named.items() if not jobs]}"
        wanted = {job.key for job in closure(set().union(*named.values()), after)}
        for token in tokens:
            rest = closure(set().union(*(named[t] for t in tokens if t != token)), after)
            assert not named[token] <= rest, f"`{token}` follows from the others; leave it out"
    assert stale == wanted, (
        f"not in the table: {sorted(stale - wanted)}; only in the table: {sorted(wanted - stale)}"
    )


def test_every_config_section_has_a_row() -> None:
    from residue.specs.config import section_names

    text = " ".join(edit for edit, _ in rows() + rows(own=True))
    for section in set(section_names()) - {"out"}:
        assert re.search(rf"config {section}:", text), f"docs/reruns.md has no row for {section}"
