"""Every command, config snippet, program, listing and link of README.md and docs/*.md works.

Commands run in a copy of the project with small stand-ins for finished results:

- `make …`: with `-n`, so targets and variables are checked and nothing is installed or run;
- `snakemake …`: with `-n` and, where no config file is named, on `config/drill.yaml`, so flags,
  rules and config files are checked and no job runs. `--unlock` and `--lint` run for real.
  `--report` must get as far as missing results; `tests/end_to_end/test_ci.py` makes a real report;
- `residue …`: for real, on stand-in tables and manifests in the folder that the command names;
- `python -m pytest …`: collects only.

Config snippets are read as overlays and planned; Python programs run, or are planned where they are
files of the project. Blocks that are none of these must list files that exist.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from jsonschema import Draft202012Validator

from residue.report.words import attainable
from residue.specs.config import Config
from residue.specs.plan import read_config
from residue.specs.schema import schema_of
from residue.stats.attainability import attainable_margin
from tests.workflow.documents import (
    PAGES,
    Block,
    blocks,
    commands,
    is_config,
    is_listed,
    links,
    paths,
    tool_of,
)
from tests.workflow.graph import ROOT, copy_project, empty_model, plan

pytestmark = pytest.mark.workflow

DRILL = ("--configfile", "config/drill.yaml")
REAL = ("--unlock", "--lint")
BLOCKS = [block for page in PAGES for block in blocks(page)]
YAML = [block for block in BLOCKS if block.language == "yaml"]
PYTHON = [block for block in BLOCKS if block.language == "python"]
NEED_A_RUN = ("audit", "compare", "export", "histories", "plan")
"""Commands that read models or a whole run; here only their options are looked up. Tests of
`residue.commands` and of docs/made-by-others.md carry them out."""
CLAIM = {
    "arm": "npo", "condition": "plain", "claim": "forgets", "statistic": "rate",
    "kind": "equivalent", "estimate": 0.04, "low": -0.03, "high": 0.09, "margin": 0.1,
    "attainable": 0.097, "verdict": "supported", "reason": "It does.", "n_clusters": 36,
    "n_seeds": 3, "role": "part", "family": "", "p": 0.01, "p_against": 1.0, "p_adjusted": 0.01,
    "p_against_adjusted": 1.0,
}  # fmt: skip
MANIFEST = {"stage": "estimate", "spec": {}, "inputs": {}, "cpu_seconds": 1, "peak_memory_mb": 1}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the files that the documents tell the reader to write."""
    folder = copy_project(tmp_path_factory.mktemp("project"))
    for part in ("README.md", "Makefile", "pyproject.toml"):
        shutil.copy(ROOT / part, folder / part)
    for part in ("docs", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for block in BLOCKS:
        if block.target:
            (folder / block.target).write_text(block.text, encoding="utf-8")
    for role in ("base", "oracle"):  # some overlays stand on the models of a finished run
        empty_model(folder / "results/models/pair0" / role)
    return folder


def finish(out: Path) -> None:
    """The files of a finished run that the command line reads."""
    (out / "tables").mkdir(parents=True, exist_ok=True)
    pd.DataFrame([CLAIM]).to_parquet(out / "tables" / "claims.parquet")
    (out / "tables" / "estimates.parquet.manifest.json").write_text(json.dumps(MANIFEST))


def run(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(project / "src")}
    return subprocess.run(
        words, cwd=project, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("command", commands(), ids=str)
def test_a_shown_command_works(command: str, project: Path, tmp_path: Path) -> None:
    tool, arguments = tool_of(command), shlex.split(command)[1:]
    copy = tmp_path / "project"
    shutil.copytree(project, copy)
    if tool == "make":
        done = run(copy, "make", "-n", *arguments)
    elif tool == "residue" and arguments[0] in NEED_A_RUN:
        done = run(copy, sys.executable, "-m", "residue.cli", arguments[0], "--help")
        assert [word for word in arguments if word[:2] == "--" and word not in done.stdout] == []
    elif tool == "residue":
        for folder in ("results", *(word for word in arguments if word.startswith("results/"))):
            finish(copy / folder)
        done = run(copy, sys.executable, "-m", "residue.cli", *arguments)
        if "verify" in arguments:  # stand-ins are what it is there to find
            assert done.returncode == 1, done.stderr
            assert "delete the stale ones and run snakemake again" in done.stderr
            return
        # The objective that the reader is told to write is in no table until `make reference`.
        if "reference" in arguments and "--write" not in arguments:
            assert "residue reference --write" in done.stderr
            return
    elif tool == "python":
        if arguments[0].startswith("benchmarks/"):
            done = run(copy, sys.executable, str(ROOT / arguments[0]), "--help")
            assert [
                each for each in arguments if each[:2] == "--" and each not in done.stdout
            ] == []
        else:
            assert arguments[:2] == ["-m", "pytest"], f"'{command}': say here how to try it"
            done = run(copy, sys.executable, *arguments, "--collect-only", "-q")
    else:
        done = snakemake(copy, arguments)
        if "--report" in arguments:
            assert "marked for report but does not exist" in done.stdout + done.stderr
            return
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def snakemake(project: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    config = () if "--configfile" in arguments else DRILL
    dry = () if set(REAL) & set(arguments) else ("-n",)
    return run(project, sys.executable, "-m", "snakemake", *dry, *arguments, *config)


def test_the_ways_in_are_among_the_commands() -> None:
    """The extraction finds what it must: commands of blocks and of running text."""
    found = commands()
    assert {"make run", "make test", "snakemake -n", ".venv/bin/residue scorecard"} <= set(found)
    assert len(found) > 15


@pytest.mark.parametrize(
    "command",
    ["make rnu", "snakemake --cors 4", "snakemake --configfile config/none.yaml",
     "snakemake --forcerun no_such_rule", "residue scorcard", "residue ledger nowhere"],
)  # fmt: skip
def test_a_wrong_command_is_noticed(command: str, project: Path, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        test_a_shown_command_works(command, project, tmp_path)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_block_is_of_a_kind_that_is_tried(block: Block) -> None:
    if block.language in ("yaml", "python"):
        return
    if block.language == "bash":  # worked examples: an end-to-end test of each page runs them whole
        assert block.page.name in ("your-data.md", "made-by-others.md")
        return
    assert block.language in ("sh", "indented"), f"{block}: say what language it is"
    for line in filter(str.strip, block.text.splitlines()):
        known = tool_of(line) or is_config(line) or is_listed(line)
        assert known, f"{block.page.name}: '{line}' is no command, config or existing file"


SNIPPETS = [(block.page.name, block.text) for block in YAML] + [
    (block.page.name, line)
    for block in BLOCKS
    if block.language == "indented"
    for line in block.text.splitlines()
    if is_config(line)
]


@pytest.mark.parametrize(("page", "text"), SNIPPETS, ids=lambda each: each[:40])
def test_a_shown_config_is_one(
    page: str, text: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = yaml.safe_load(text)
    # The objective of the getting-started page exists in the copy only.
    if "name: mine" in text:
        (tmp_path / "overlay.yaml").write_text(text)
        jobs = plan(project, *DRILL, str(tmp_path / "overlay.yaml"))
        arms = {dict(key[1]).get("arm") for key in jobs if key[0] == "train_arm"}
        assert arms == {"npo", "mine"}
        return
    Draft202012Validator(schema_of(Config)).validate(data)
    if "model" in data:
        (tmp_path / "config.json").touch()
        data["model"]["folder"] = str(tmp_path)
    for name in re.findall(r"corpora/[\w./-]+", text):  # what else the reader is to bring
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".jsonl"):
            (tmp_path / name).touch()
        else:
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / "config.json").touch()
    monkeypatch.chdir(tmp_path)
    given = [each for each in data.get("data", {}).values() if isinstance(each, list)]
    for source in (source for sources in given for source in sources):
        (tmp_path / "lines.jsonl").touch()
        source["file"] = str(tmp_path / "lines.jsonl")
    read_config(data)


@pytest.mark.parametrize("block", [b for b in PYTHON if not b.target], ids=str)
def test_a_shown_program_runs(block: Block, project: Path) -> None:
    finish(project / "results")
    done = run(project, sys.executable, "-c", block.text)
    assert done.returncode == 0, done.stderr


def test_the_shown_objective_has_the_gradient_it_claims(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Likelihood of retain answers up, of forget answers down, by the stated weight."""
    import torch

    class Answers:
        def __init__(self, logp: list[float]) -> None:
            self.policy = self
            self.tokens = torch.tensor(logp, requires_grad=True)
            self.sums = self.tokens

        item_mean = token_mean = staticmethod(torch.mean)

    class Step:
        forget, retain = Answers([-1.0, -2.0]), Answers([-0.5, -0.5])

    file = next(b.target for b in PYTHON if b.target.endswith("objectives/mine.py"))
    found = importlib.util.spec_from_file_location("mine", project / file)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    monkeypatch.setitem(sys.modules, "mine", module)
    found.loader.exec_module(module)
    loss, parts = module.Objective(forget_weight=0.25).loss(Step)
    loss.backward()
    assert set(parts) == {"forget", "retain"}
    assert Step.forget.tokens.grad.tolist() == [0.125, 0.125]
    assert Step.retain.tokens.grad.tolist() == [-0.5, -0.5]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_named_paths_exist(page: Path) -> None:
    for link in links(page):
        assert (page.parent / link).exists(), f"{page.name} links to {link}"
    written = {block.target for block in BLOCKS}
    for path in paths(page):
        assert (ROOT / path).exists() or path in written, f"{page.name} names {path}"


def test_the_margins_of_the_footguns_are_the_attainable_ones() -> None:
    text = (ROOT / "docs" / "footguns.md").read_text(encoding="utf-8")
    rows = re.findall(r"^ *\| (\d+) \| ([\d.]+) \|$", text, flags=re.MULTILINE)
    assert len(rows) >= 5
    for countries, margin in rows:
        assert attainable(attainable_margin(int(countries))) == margin


@pytest.mark.parametrize(
    ("text", "value"), [("1e-3", "1e-3"), ("1.0e-3", 0.001), ("NO", False), ('"NO"', "NO")]
)
def test_yaml_is_as_treacherous_as_the_footguns_say(text: str, value: object) -> None:
    assert yaml.safe_load(text) == value
