"""How Snakemake starts a job: under its own Python, from this project, dying with it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = "RESIDUE_ROOT"
"""Variable that holds the project's folder. The command names the variable, not the folder:
Snakemake compares commands, and a moved project is the same project."""


def prepare(root: str) -> None:
    """Let the jobs of this process find the project and the Python that runs Snakemake, whether or
    not its environment is activated."""
    os.environ[ROOT] = root
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def go_offline() -> None:
    """Let no job of this process ask the hub's servers: its client reads this variable."""
    os.environ["HF_HUB_OFFLINE"] = "1"


def script(stage: str) -> Path:
    """The script of a stage."""
    return Path(os.environ[ROOT], "workflow_scripts", f"{stage}.py")


def command(stage: str) -> str:
    """The shell command of a stage, with Snakemake's own placeholders for its params.

    `exec` makes Snakemake the job's parent, so that the job dies with it (`core.process`).
    """
    return (
        f'exec python "${ROOT}/workflow_scripts/{stage}.py"'
        " --spec {params.spec:q} --code {params.code:q} --io {params.io:q}"
        " --gpu {resources.gpu} > {log:q} 2>&1"
    )
