"""Training states on disk: whole or absent, safetensors and JSON, the newest alone is kept."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)

TENSORS = "state.safetensors"
FACTS = "state.json"


@dataclass(frozen=True)
class State:
    """A run after `step` updates: tensors of the optimiser and the rows of its history."""

    step: int
    tensors: Mapping[str, Tensor]
    history: list[dict[str, Any]]


def save(folder: Path, key: str, state: State) -> None:
    """Write a state; `key` says which run it belongs to. A kill leaves the last whole one."""
    from safetensors.torch import save_file

    partial = folder / "partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_file({name: t.detach().cpu() for name, t in state.tensors.items()}, partial / TENSORS)
    facts = {"key": key, "step": state.step, "history": state.history}
    (partial / FACTS).write_text(json.dumps(facts), encoding="utf-8")
    older = _states(folder)
    target = folder / f"update-{state.step:07d}"
    if target in older:
        shutil.rmtree(target)
    os.replace(partial, target)
    for path in older:
        if path != target:
            shutil.rmtree(path)


def newest(folder: Path, key: str) -> State | None:
    """The newest state of this run; a state of another run is left alone and not used."""
    from safetensors.torch import load_file

    for path in reversed(_states(folder)):
        facts = json.loads((path / FACTS).read_text(encoding="utf-8"))
        if facts["key"] == key:
            return State(facts["step"], load_file(path / TENSORS), facts["history"])
        logger.warning("%s belongs to a run with other settings; starting from the beginning", path)
    return None


def _states(folder: Path) -> list[Path]:
    return sorted(folder.glob("update-*"))
