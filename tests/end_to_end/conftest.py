"""One finished run of `config/drill.yaml`, shared: drills copy it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from tests.end_to_end.drill import DRILL
from tests.workflow.graph import copy_project, snakemake


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project copy after a full run; never change it. Test processes side by side share one."""
    mine = tmp_path_factory.getbasetemp()
    folder = mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine
    project, whole = folder / "drill", folder / "drill.whole"
    with (folder / "drill.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            copy_project(project)
            snakemake(project, "--cores", "4", *DRILL)
            whole.touch()
    return project
