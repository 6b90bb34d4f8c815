"""Many kills at random moments, on fresh runs: `tests/end_to_end/test_drill.py` tries a few."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.end_to_end.drill import DRILL, drill, tables
from tests.workflow.graph import copy_project, snakemake

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="jobs are found in Linux's /proc"),
]


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    project = copy_project(tmp_path_factory.mktemp("undisturbed"))
    snakemake(project, "--cores", "2", *DRILL)
    return tables(project)


@pytest.mark.parametrize("seed", [11, 12, 13, 14])
def test_six_kills(truth: dict[str, bytes], tmp_path: Path, seed: int) -> None:
    fresh = copy_project(tmp_path / "fresh")
    drill(fresh, tmp_path, truth, kills=6, within=4, seed=seed)
