"""How much source each stage can reach: a new import that couples stages is noticed here.

What a stage reaches decides what re-runs it, so a bound that grows is a decision, not an accident.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from residue.core import provenance

SCRIPTS = sorted((Path(__file__).resolve().parents[2] / "workflow_scripts").glob("*.py"))
MOST = 62
"""Files that any stage may reach; the widest is `attack_orders`, which words attacks, opens an arm
and judges its replies. All others stay below 58."""
LIVE = {
    "adopt_edit",
    "adopt_model",
    "attack_arm",
    "attack_orders",
    "describe_arm",
    "fit_jacobian",
    "implant_model",
    "judge_rows",
    "patch_rows",
    "pick_features",
    "plan_memory",
    "probe_memory",
    "pretrain_model",
    "record",
    "record_gradients",
    "record_stream",
    "score_sae",
    "self_test",
    "swap_rows",
    "trace_prompts",
    "train_arm",
    "witness",
}
"""Stages that may reach the loading of models; all others work from tables and `head` files."""


def reached(script: Path) -> set[str]:
    return {name.removeprefix("src/residue/") for name in provenance.closure([script])}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_stage_reaches_little(script: Path) -> None:
    assert len(reached(script)) <= MOST
    assert ("models/loading.py" in reached(script)) <= (script.stem in LIVE)


@pytest.mark.parametrize(
    ("stage", "apart"),
    [
        ("record", "edits/training.py"),  # a change of training must not record base again
        ("pretrain_model", "world/items.py"),  # new items must not retrain a model
        ("pretrain_model", "edits/arms.py"),
        ("measure", "records/recorder.py"),  # a faster recorder must not measure again
        ("patch_rows", "records/recorder.py"),
        ("patch_rows", "edits/training.py"),
        ("self_test", "edits/training.py"),
        ("measure_patching", "lens/patching.py"),
        ("decode_rows", "lens/distil.py"),  # how a lens was trained is in its file, not in tables
        ("decode_rows", "lens/decoders/raw.py"),  # a lens changes no other lens's table
        ("record", "edits/conditions.py"),  # another attack must not record anything again
        ("estimate_recovery", "report/page.py"),
        ("estimate", "report/page.py"),
        ("decide_claims", "report/figures.py"),
        ("record", "sae/training.py"),  # SAEs trained otherwise change files, not code
        ("score_sae", "sae/training.py"),
        ("score_sae", "sae/learner.py"),
        ("pick_features", "sae/scores.py"),
        ("train_sae", "sae/features.py"),  # a new picker must not train again
    ],
)
def test_stages_stay_apart(stage: str, apart: str) -> None:
    script = next(path for path in SCRIPTS if path.stem == stage)
    assert apart not in reached(script)
