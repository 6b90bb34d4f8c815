"""One finished run of `config/drill.yaml`, shared: drills copy it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.drill import DRILL
from tests.workflow.graph import copy_project, snakemake


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project copy after a full run; never change it."""
    project = copy_project(tmp_path_factory.mktemp("drill"))
    snakemake(project, "--cores", "4", *DRILL)
    return project
