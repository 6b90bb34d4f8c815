"""The accelerator: whether there is one, its name, and the lock that keeps one process on it.

`present` is called while Snakemake reads the rules, so nothing here imports torch before a job
really runs on a card.
"""

from __future__ import annotations

import fcntl
import logging
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

Device = Literal["auto", "cpu", "cuda", "mps"]

CARDS = Path("/proc/driver/nvidia/gpus")
"""Where NVIDIA's driver for Linux lists its cards: one folder per card, named by its place on the
bus, with a file `information` that holds its UUID."""

LOG = logging.getLogger(__name__)


def present(device: Device = "auto") -> bool:
    """Whether jobs will run on a card: the wish of the config against what the machine has."""
    if device == "cpu":
        return False
    if device in ("cuda", "mps"):
        return True
    return _has_cuda() or _has_mps()


def _has_cuda() -> bool:
    """A driver with a card, and a torch that was built for CUDA."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "" or not CARDS.is_dir():
        return False
    return any(CARDS.iterdir()) and _torch_cuda_version() is not None


def _torch_cuda_version() -> str | None:
    """The CUDA version in torch/version.py, read as text: importing torch costs seconds."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    text = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    found = re.search(r"^cuda[^=]*=\s*'([\d.]+)'", text, flags=re.MULTILINE)
    return found.group(1) if found else None


def _has_mps() -> bool:
    return platform.system() == "Darwin" and platform.machine() == "arm64"


def device() -> str:
    """The device of a job that was given the card."""
    return "mps" if _has_mps() else "cuda"


def describe(device: str) -> str:
    """A name for manifests: ``cpu (x86_64)`` or the card's own name."""
    if device == "cuda":
        import torch

        return f"cuda ({torch.cuda.get_device_name(0)})"
    return f"{device} ({platform.machine()})"


def name(device: str) -> str:
    """The card itself: its UUID where the driver tells it, else what `CUDA_VISIBLE_DEVICES` says.

    An index counts visible cards in bus order (`held` makes CUDA count so too), a UUID may be
    shortened; both lead to the one UUID, so two ways to name a card are one lock.
    """
    if device != "cuda":
        return device
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip() or "0"
    uuids = _uuids()
    if wanted.isdecimal() and int(wanted) < len(uuids):
        return uuids[int(wanted)]
    return next((uuid for uuid in uuids if uuid.startswith(wanted)), f"cuda-{wanted}")


def _uuids() -> list[str]:
    """UUIDs of the cards in bus order; empty where the driver does not list them."""
    cards = sorted(CARDS.iterdir()) if CARDS.is_dir() else []
    found = [
        re.search(r"^GPU UUID:\s*(\S+)", (card / "information").read_text(), flags=re.MULTILINE)
        for card in cards
    ]
    return [each[1] for each in found if each]


def lock_path(device: str) -> Path:
    """The lock file of a card: in the system's temporary folder, shared by every checkout."""
    safe = re.sub(r"[^\w.-]", "_", name(device))
    return Path(tempfile.gettempdir()) / f"residue-{safe}.lock"


@contextmanager
def held(device: str) -> Iterator[None]:
    """Hold the card for the duration of the block; wait for whoever has it. Nothing on the CPU.

    Snakemake's ``--resources gpu=1`` keeps one run's jobs apart; this keeps two runs, or an
    orphan and a run, apart. The kernel frees the lock of a process that dies.
    """
    if device == "cpu":
        yield
        return
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
    lock = _open_lock(lock_path(device))
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            told = "; ".join(users(device)) or "another process of residue"
            LOG.info("waiting for %s, held by %s", name(device), told)
            fcntl.flock(lock, fcntl.LOCK_EX)
        for user in users(device):
            LOG.warning("%s is also used by %s; memory may run short", name(device), user)
        yield
    finally:
        os.close(lock)


def users(device: str) -> list[str]:
    """Other processes that hold memory of the card, in words, as NVIDIA's own tool lists them;
    empty where the tool is absent or says nothing."""
    tool = shutil.which("nvidia-smi") if device == "cuda" else None
    if tool is None:
        return []
    asked = ["--query-compute-apps=gpu_uuid,pid,process_name,used_memory", "--format=csv,noheader"]
    try:
        done = subprocess.run(
            [tool, *asked], capture_output=True, text=True, timeout=20, check=True
        )
    except (subprocess.SubprocessError, OSError):
        return []
    rows = [[cell.strip() for cell in line.split(",")] for line in done.stdout.splitlines()]
    card = name(device)
    return [
        f"process {pid} ({program}, {memory})"
        for uuid, pid, program, memory in (row for row in rows if len(row) == 4)
        if pid != str(os.getpid()) and (uuid == card or not card.startswith("GPU-"))
    ]


def _open_lock(path: Path) -> int:
    """Open to read if it is there: another user's file in a shared folder is not ours to write."""
    try:
        return os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
