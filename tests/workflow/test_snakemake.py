"""Lint, format, drawing and start-up of the workflow."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflow.graph import ROOT, copy_project, empty_model, plan, snakemake

pytestmark = pytest.mark.workflow


OWN_DATA = ROOT / "tests/unit/world/data"
ON_THE_DEFAULT = {
    "defences": "adopt_model",
    "forgetting": "adopt_model",
    "implanted": "implant_model",
}
"""Overlays that stand on the models of a finished default run, and what they do first."""


def bring_files(project: Path, name: str) -> None:
    """Small files of the form of a known set where its overlay wants them, and empty models."""
    shutil.copytree(OWN_DATA / name, project / "corpora" / name)
    for model in ("model", "oracle"):
        empty_model(project / "corpora" / name / model)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("project"))


def test_lint_is_clean(project: Path) -> None:
    done = snakemake(project, "--lint", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["snakefmt", "--check", "Snakefile", "rules"],
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_formatters_linters_and_types_are_clean(command: list[str]) -> None:
    tool = Path(sys.executable).with_name(command[0])
    done = subprocess.run([tool, *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_drawing_in_the_readme_is_fresh() -> None:
    from residue.cli import rulegraph

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert rulegraph(ROOT) in readme, "run `make readme`"


def test_every_overlay_plans_a_whole_graph(project: Path) -> None:
    for overlay in sorted((ROOT / "config").glob("*.yaml")):
        if overlay.stem == "config":
            continue
        first = "pretrain_model"
        if (OWN_DATA / overlay.stem).is_dir():
            first = "read_data"
            bring_files(project, overlay.stem)
        if overlay.stem in ON_THE_DEFAULT:
            first = ON_THE_DEFAULT[overlay.stem]
            for role in ("base", "oracle"):
                empty_model(project / "results/models/pair0" / role)
        rules = {job.rule for job in plan(project, "--configfile", str(overlay)).values()}
        assert {first, "train_arm", "record", "decide_claims", "write_page"} <= rules
        assert not {"pretrain_model", "read_data"} & rules - {first}
        assert ("record_gradients" in rules) == (overlay.stem == "full")
        if overlay.stem == "full":
            assert {"attack_orders", "estimate_attackers", "draw_attackers"} <= rules


def test_files_that_users_have_not_brought_are_named(project: Path, tmp_path: Path) -> None:
    fresh = copy_project(tmp_path / "fresh")
    bring_files(fresh, "tofu")
    (fresh / "corpora/tofu/forget10_perturbed.json").unlink()
    done = snakemake(fresh, "-n", "--configfile", "config/tofu.yaml", check=False)
    assert done.returncode != 0
    assert "data.forget[0].file: 'corpora/tofu/forget10_perturbed.json' does not exist" in (
        done.stdout + done.stderr
    )
    assert "Traceback" not in done.stdout + done.stderr
    shutil.rmtree(fresh / "corpora/tofu/model")
    done = snakemake(fresh, "-n", "--configfile", "config/tofu.yaml", check=False)
    assert "model.folder: 'corpora/tofu/model' holds no" in done.stdout + done.stderr


def test_the_ci_overlay_runs_every_rule(project: Path) -> None:
    rules = {job.rule for job in plan(project, "--configfile", "config/ci.yaml").values()}
    scripts = {path.stem for path in (ROOT / "workflow_scripts").glob("*.py")}
    # Some take the place of others where users bring items, models, edits or outputs; gradients are
    # recorded where a metric asks for them (config/full.yaml); attackers who adapt are off by
    # default, and so are models that judge rows: both run in `tests/end_to_end/test_drill.py`.
    assert rules == scripts - {
        "attack_orders",
        "estimate_attackers",
        "draw_attackers",
        "adopt_edit",
        "fetch_model",
        "implant_model",
        "invent_facts",
        "judge_rows",
        "read_asked",
        "read_corpus",
        "read_data",
        "read_records",
        "record_gradients",
    }


def test_sources_of_the_graph_are_declared(project: Path) -> None:
    """A file that no rule makes must be a known source, else a stale output could pass for one."""
    jobs = plan(project).values()
    made = {path for job in jobs for path in job.outputs}
    sources = {path for job in jobs for path in job.inputs} - made
    assert sources == {
        "data/facts.tsv",
        "data/judge_references.jsonl",
        "data/published_metric_scores.tsv",
    }


def test_all_asks_for_every_file(project: Path) -> None:
    """Snakemake misses a lost file only if something asks for it."""
    done = snakemake(project, "-n", "-F", "--workflow-profile", "none")
    asked = re.search(r"rule all:\n +input: (.*)", done.stdout)
    assert asked
    made = {path for job in plan(project).values() for path in job.outputs}
    assert set(asked[1].split(", ")) == made


def test_no_default_plan_exceeds_the_job_budget(project: Path) -> None:
    assert len(plan(project)) <= 400


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("arms={npo: {sedes: [1]}}", "arms.npo.sedes: unknown key; did you mean 'seeds'?"),
        ("world={seed: one}", "world.seed: expects a whole number, not 'one'."),
        ("wrld={seed: 1}", "wrld: unknown key; did you mean 'world'?"),
        ("arms={npo: {steps: [{objective: nop}]}}", "did you mean 'npo'?"),
        ("claims={forgets: {estimand: forget}}", "compared with nothing"),
    ],
)
def test_a_bad_config_stops_before_any_job_with_key_and_mend(
    project: Path, tmp_path: Path, config: str, message: str
) -> None:
    overlay = tmp_path / "bad.yaml"
    overlay.write_text(config.replace("=", ": ", 1))
    done = snakemake(project, "-n", "--configfile", str(overlay), check=False)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
