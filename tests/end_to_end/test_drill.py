"""Kills, cores and clones on `config/drill.yaml`: the same bytes whatever happened."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from residue.core.provenance import file_digest
from tests.end_to_end.drill import DRILL, OUT, drill, tables, verify
from tests.own_model import save_random_model
from tests.workflow.graph import copy_project, run_job, snakemake

pytestmark = pytest.mark.end_to_end
linux = pytest.mark.skipif(sys.platform != "linux", reason="jobs are found in Linux's /proc")


def test_after_a_full_run_there_is_nothing_to_do(done: Path) -> None:
    assert "Nothing to be done" in snakemake(done, "-n", *DRILL).stdout


def test_every_published_file_has_a_manifest_that_holds(done: Path) -> None:
    from residue.core.provenance import check

    seen = 0
    for path in (done / OUT).rglob("*.manifest.json"):
        output = path.with_name(path.name.removesuffix(".manifest.json"))
        manifest = check(output)
        assert manifest is not None
        assert {"stage", "spec", "code", "inputs", "versions", "device", "cpu_seconds"} <= set(
            manifest
        )
        seen += 1
    assert seen > 20


def test_one_core_gives_the_same_bytes(done: Path, tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    snakemake(project, "--cores", "1", *DRILL)
    assert tables(project) == tables(done)


@linux
def test_a_run_killed_many_times_ends_with_the_same_bytes(done: Path, tmp_path: Path) -> None:
    fresh = copy_project(tmp_path / "fresh")
    drill(fresh, tmp_path, tables(done), kills=6, within=4, seed=1)


@linux
def test_a_rerun_after_an_edit_killed_many_times_forgets_nothing(
    done: Path, tmp_path: Path
) -> None:
    """Old results of every stage are there, so a job that is lost must be missed all the same."""
    edited, undisturbed = tmp_path / "edited", tmp_path / "undisturbed"
    shutil.copytree(done, edited)
    edit(edited, "measures: {known: {least: 2}}\nstatistics: {level: 0.9}")
    shutil.copytree(edited, undisturbed)
    snakemake(undisturbed, "--cores", "2", *DRILL)
    truth = tables(undisturbed)
    assert truth != tables(done)
    drill(edited, tmp_path, truth, kills=4, within=1.5, seed=2)


def edit(project: Path, text: str) -> None:
    """Add to the drill's config."""
    with (project / "config/drill.yaml").open("a") as config:
        config.write(f"\n{text}\n")


def test_a_job_that_fails_after_an_edit_is_missed_by_the_next_run(
    done: Path, tmp_path: Path
) -> None:
    """The tables made before the edit are still there; that must not pass for done."""
    clone = tmp_path / "clone"
    shutil.copytree(done, clone)
    edit(clone, "statistics: {level: 0.9}")
    script = clone / "workflow_scripts/estimate.py"
    whole = script.read_text()
    script.write_text(whole.replace("as job:\n", "as job:\n    raise ValueError('no luck.')\n", 1))
    failed = snakemake(clone, "--cores", "2", *DRILL, check=False)
    assert failed.returncode != 0
    assert failed.stdout.count("ERROR estimate: no luck.") == 2, (
        "in the log's end, and as the reason"
    )
    assert f"log: {OUT}/logs/estimate.log" in failed.stdout
    script.write_text(whole)
    again = snakemake(clone, "--cores", "2", *DRILL)
    assert "page: " in again.stdout
    assert verify(clone).returncode == 0, "what the failed job would have made anew was made"
    counted = dict(re.findall(r"(ran|reused): +(\d+) jobs", again.stdout))
    assert int(counted["reused"]) > 20, "and nothing else"


def test_snakemake_itself_plans_every_job_that_an_edit_touches(done: Path, tmp_path: Path) -> None:
    """Audits, estimates and tests depend on one section and not on each other."""
    clone = tmp_path / "clone"
    shutil.copytree(done, clone)
    edit(clone, "statistics: {level: 0.9}")
    planned = snakemake(clone, "-n", "-p", "--workflow-profile", "none", *DRILL).stdout
    jobs = [
        line.split("workflow_scripts/")[1].split(".py")[0]
        for line in planned.splitlines()
        if "exec python" in line
    ]
    assert sorted(jobs) == [
        "audit_orders",
        "audit_world",
        "decide_claims",
        "decide_tests",
        "draw_figures",
        "draw_injection",
        "draw_tests",
        "estimate",
        "estimate_injection",
        "estimate_meta",
        "judge_replies",
        "write_page",
    ]


def test_a_lost_file_is_made_again(done: Path, tmp_path: Path) -> None:
    """Also one that nothing still to be made would read."""
    clone = tmp_path / "clone"
    shutil.copytree(done, clone)
    (clone / OUT / "arms/npo/pair0/seed1/history.parquet").unlink()
    assert "train_arm" in snakemake(clone, "-n", "--workflow-profile", "none", *DRILL).stdout


def test_after_a_kill_snakemake_names_the_way_on(done: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(done, clone)
    edit(clone, "statistics: {level: 0.9}")
    for mark in ("0.input.lock", "0.output.lock"):
        name = "data/facts.tsv" if "input" in mark else f"{OUT}/tables/estimates.parquet"
        (clone / ".snakemake/locks").mkdir(exist_ok=True)
        (clone / ".snakemake/locks" / mark).write_text(name + "\n")
    refused = snakemake(clone, "--cores", "2", *DRILL, check=False)
    assert refused.returncode != 0
    assert "--unlock" in refused.stdout + refused.stderr


def test_touch_comment_and_clone_rerun_nothing(done: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(done, clone)
    for part in ("src", "rules", "workflow_scripts", "data", "config"):
        for path in (clone / part).rglob("*"):
            if path.is_file():
                path.touch()
    recorder = clone / "src/residue/records/recorder.py"
    recorder.write_text(recorder.read_text() + "\n# a remark\n")
    assert "Nothing to be done" in snakemake(clone, "-n", *DRILL).stdout


def test_a_new_seed_trains_that_model_only(done: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(done, clone)
    text = (clone / "config/drill.yaml").read_text()
    assert "seeds: [0, 1]" in text
    (clone / "config/drill.yaml").write_text(text.replace("seeds: [0, 1]", "seeds: [0, 1, 2]"))
    planned = snakemake(clone, "-n", "-p", "--workflow-profile", "none", *DRILL).stdout
    jobs = [line for line in planned.splitlines() if "exec python" in line]
    trained = [line for line in jobs if "train_arm.py" in line]
    assert len(trained) == 1
    assert '"seed":"2"' in trained[0]
    assert not [line for line in jobs if "pretrain_model.py" in line]


def test_a_job_runs_outside_snakemake_from_its_logged_command(done: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(done, clone)
    planned = snakemake(clone, "-n", "-F", "-p", "--workflow-profile", "none", *DRILL).stdout
    command = next(line for line in planned.splitlines() if "decide_claims.py" in line)
    claims = clone / OUT / "tables/claims.parquet"
    before = claims.read_bytes()
    claims.unlink()
    done_again = run_job(clone, command)
    assert done_again.returncode == 0, done_again.stdout + done_again.stderr
    assert claims.read_bytes() == before


def test_attackers_adapt_to_a_finished_run(done: Path, tmp_path: Path) -> None:
    """They are off by default; switched on, they attack what is there and nothing is made anew."""
    clone = tmp_path / "clone"
    shutil.copytree(done, clone)
    edit(clone, "adaptive: {attackers: [{name: best_of_n, tries: 2}, {name: gcg, steps: 1}]}")
    ran = snakemake(clone, "--cores", "2", *DRILL)
    assert re.search(r"ran: +4 jobs", ran.stdout)
    table = pd.read_parquet(clone / OUT / "tables/adaptive.parquet")
    assert set(table["attacker"]) == {"best_of_n", "gcg", "any of these"}
    assert (table["n_clusters"] == 5).all()
    assert "Attackers that adapt" in (clone / OUT / "report/index.html").read_text()


def test_a_local_model_judges_rows_and_one_that_guesses_changes_nothing(
    done: Path, tmp_path: Path
) -> None:
    """A random model: its replies are lines, its worth is told, and votes alone rank."""
    clone = tmp_path / "clone"
    shutil.copytree(done, clone)
    judge = save_random_model(clone / "corpora/judge")
    config = clone / "config/drill.yaml"
    plain = "representation: {mode: fixed, rows: [1], "
    text = config.read_text()
    assert plain in text
    asked = "representation: {judge: {model: corpora/judge, prompts: 4}, "
    config.write_text(text.replace(plain, asked))
    home = OUT / "representation/pair0"
    snakemake(clone, "--cores", "1", str(home / "layers.json"), *DRILL)
    replies = pd.read_parquet(clone / home / "judged_replies.parquet")
    assert replies.groupby("row").size().to_dict() == {-2: 16, -1: 8, 1: 8}
    assert replies["yes"].between(0, 1).all()
    agreed = pd.read_parquet(clone / home / "judge_agreement.parquet")
    kappa = agreed[(agreed["replies"] == "planted") & (agreed["measure"] == "kappa")].iloc[0]
    assert kappa["low"] < 0 < kappa["high"]
    (line,) = map(json.loads, (clone / home / "judgements.jsonl").read_text().splitlines())
    assert line["score"] is None
    chosen = json.loads((clone / home / "layers.json").read_text())
    assert chosen["rows"] == [1]
    manifest = json.loads((clone / home / "judgements.jsonl.manifest.json").read_text())
    weights = file_digest(judge / "model.safetensors")
    assert manifest["inputs"]["corpora/judge/model.safetensors"] == weights
