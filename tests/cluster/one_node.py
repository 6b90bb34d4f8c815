"""A Slurm of one node on the loopback address, for as long as a test needs it.

Debian's packages `slurm-wlm` and `munge`, started as root with files of their own: nothing of the
machine's own Slurm, if it has one, is read or written. The plugin's job step drops every SLURM_
variable, so a small `srun` earlier in PATH names the configuration again.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

DECLARED = 64000
"""Megabytes that the node says it has, so that what `profiles/slurm` asks for large models is
granted on a small machine. A job's own limit holds all the same: Slurm looks every two seconds, as
it does where there are no cgroups."""
NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "sinfo")
CONFIG = """
ClusterName=residue
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={home}/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/slurmd.pid
SlurmctldLogFile={home}/slurmctld.log
SlurmdLogFile={home}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill,UsePss
MpiDefault=none
MinJobAge=3600
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={declared} State=UNKNOWN
PartitionName=one Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """What the machine lacks for it, '' where it lacks nothing."""
    absent = [name for name in NEEDED if shutil.which(name) is None]
    if absent:
        return f"{', '.join(absent)} not installed: apt-get install slurm-wlm munge"
    return "" if os.geteuid() == 0 else "slurmd is started by root alone"


@dataclass(frozen=True)
class Cluster:
    """A running Slurm; `env` is what its commands are started with."""

    env: dict[str, str]

    def jobs(self) -> list[dict[str, str]]:
        """Every job that Slurm remembers: id, state, time limit, comment (the rule)."""
        said = self.run("squeue", "--states=all", "--noheader", "--format=%i|%T|%l|%k")
        lines = [line.split("|") for line in said.splitlines()]
        return [dict(zip(("id", "state", "limit", "comment"), line, strict=True)) for line in lines]

    def run(self, *words: str) -> str:
        """What a command of Slurm prints."""
        done = subprocess.run(words, env=self.env, capture_output=True, text=True, check=True)
        return done.stdout


@contextmanager
def one_node(home: Path) -> Iterator[Cluster]:
    """Start munged, slurmctld and slurmd in a folder of their own; end them at the end."""
    for name in ("state", "spool", "bin"):
        (home / name).mkdir(parents=True)
    home.chmod(0o755)  # munged wants no folder that others may write to
    key = home / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    config = home / "slurm.conf"
    host = socket.gethostname().partition(".")[0]
    config.write_text(
        CONFIG.format(home=home, host=host, cores=os.cpu_count(), declared=DECLARED),
        encoding="utf-8",
    )
    step = home / "bin" / "srun"
    step.write_text(f'#!/bin/sh\nSLURM_CONF={config} exec {shutil.which("srun")} "$@"\n')
    step.chmod(0o755)
    env = os.environ | {"SLURM_CONF": str(config), "PATH": f"{home}/bin:{os.environ['PATH']}"}
    cluster = Cluster(env)
    munge = [f"--{part}-file={home}/munged.{part}" for part in ("pid", "log", "seed")]
    try:
        cluster.run(
            "munged", "--force", f"--key-file={key}", f"--socket={home}/munge.socket", *munge
        )
        cluster.run("slurmctld", "-c")
        cluster.run("slurmd", "-c")
        _wait_until_idle(cluster)
        yield cluster
    finally:
        for name in ("slurmd", "slurmctld", "munged"):
            with suppress(FileNotFoundError, ProcessLookupError):
                os.kill(int((home / f"{name}.pid").read_text()), signal.SIGTERM)


def _wait_until_idle(cluster: Cluster, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while "idle" not in cluster.run("sinfo", "--noheader", "--format=%T"):
        if time.monotonic() > until:
            raise TimeoutError(f"the node is not idle: {cluster.run('sinfo', '--Node', '--long')}")
        time.sleep(0.5)
