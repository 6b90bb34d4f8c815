"""Our summaries agree with what others published about real models, and differ where they erred."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("compare_published_lens.py")
FOLDER = os.environ.get("RESIDUE_LENS_OUTPUTS", "")


def models() -> list[str]:
    """Names of the models whose files lie in the folder."""
    return sorted(path.name.removesuffix(".json.gz") for path in Path(FOLDER).glob("*.json.gz"))


@pytest.mark.skipif(
    not FOLDER, reason="RESIDUE_LENS_OUTPUTS names no folder of published lens outputs"
)
def test_the_folder_holds_models() -> None:
    assert models(), f"{FOLDER} holds no MODEL.json.gz"


@pytest.mark.skipif(
    not FOLDER, reason="RESIDUE_LENS_OUTPUTS names no folder of published lens outputs"
)
@pytest.mark.parametrize("model", models() if FOLDER else ["none"])
def test_published_tables_give_the_published_numbers(model: str) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), FOLDER, model], capture_output=True, text=True, check=False
    )
    differing = [line for line in done.stdout.splitlines() if line.endswith("\tdiffers")]
    assert done.returncode == 0, f"{differing} {done.stderr}"
    agree, wrong = map(
        int,
        re.search(r"agree (\d+), known-wrong (\d+)", done.stdout).groups(),  # type: ignore[union-attr]
    )
    assert agree > 100
    assert wrong > 0


def test_a_folder_without_the_model_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path), "Some-Model"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "holds no Some-Model.json.gz" in done.stderr
