"""The accelerator: whether there is one, its name, and the lock that keeps one process on it.

`present` is called while Snakemake reads the rules, so nothing here imports torch before a job
really runs on a card.
"""

from __future__ import annotations

import fcntl
import os
import platform
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

Device = Literal["auto", "cpu", "cuda", "mps"]


def present(device: Device = "auto") -> bool:
    """Whether jobs will run on a card: the wish of the config against what the machine has."""
    if device == "cpu":
        return False
    if device in ("cuda", "mps"):
        return True
    return _has_cuda() or _has_mps()


def _has_cuda() -> bool:
    """A driver with a card, and a torch that was built for CUDA."""
    cards = Path("/proc/driver/nvidia/gpus")
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "" or not cards.is_dir():
        return False
    return any(cards.iterdir()) and _torch_cuda_version() is not None


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


def lock_path(device: str) -> Path:
    """The lock file of a card: in the system's temporary folder, shared by every checkout."""
    index = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0] or "0"
    name = re.sub(r"[^\w.-]", "_", f"{device}-{index}")
    return Path(tempfile.gettempdir()) / f"residue-{name}.lock"


@contextmanager
def held(device: str) -> Iterator[None]:
    """Hold the card for the duration of the block; wait for whoever has it. Nothing on the CPU.

    Snakemake's ``--resources gpu=1`` keeps one run's jobs apart; this keeps two runs, or an
    orphan and a run, apart.
    """
    if device == "cpu":
        yield
        return
    with lock_path(device).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
