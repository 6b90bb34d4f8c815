"""Arms on disk: what arm.json says of one, and how to open it as a plain model."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from residue.core import methods
from residue.core.artifacts import read_json
from residue.core.provenance import file_digest
from residue.edits.attached import Attached
from residue.models.opening import open_model
from residue.models.packing import is_held
from residue.specs import fields
from residue.specs.arms import EDITS
from residue.specs.model import LoadSpec

logger = logging.getLogger(__name__)

ARM = "arm.json"
WEIGHTS = "weights"
"""Folder beside arm.json that holds one folder per step."""


class ArmError(RuntimeError):
    """An arm that cannot be opened or has no effect; the message names the file or step."""


@dataclass
class OpenArm:
    """A loaded arm: the plain model with its interventions attached, and the way to its base."""

    model: Any
    tokenizer: Any
    arm: dict[str, Any]
    edits: list[Attached] = field(default_factory=list)

    @contextmanager
    def detached(self) -> Iterator[Any]:
        """The base, for a while: every edit off, none forgotten."""
        with ExitStack() as stack:
            for edit in reversed(self.edits):
                stack.enter_context(edit.detached())
            yield self.model

    def merge(self) -> str:
        """Write every edit into the model's weights; if one cannot be, change nothing and say
        which. Returns the reason, '' where the model now holds all of them."""
        if any(is_held(module) for module in self.model.modules()):
            return "its weights are held in NF4 (model.load.weights)"
        fixed = [edit for edit in self.edits if not hasattr(edit, "merge")]
        if fixed:
            return f"an edit does not merge into weights ({fixed[0].hook})"
        while self.edits:
            self.edits.pop(0).merge()  # type: ignore[attr-defined]
        return ""

    def prompt(self, text: str) -> str:
        """A prompt as the arm is asked it, through every edit of prompts in their order."""
        for edit in self.edits:
            text = edit.prompt(text)
        return text

    @contextmanager
    def before_head(self) -> Iterator[Any]:
        """The model as rows and head make it, for a while: edits of its logits off."""
        with ExitStack() as stack:
            for edit in reversed(self.edits):
                if edit.AFTER_HEAD:
                    stack.enter_context(edit.detached())
            yield self.model

    def detach(self) -> None:
        """Take every edit off for good, last first."""
        while self.edits:
            self.edits.pop().detach()


@contextmanager
def open_arm(path: str | Path, *, device: str = "cpu") -> Iterator[OpenArm]:
    """Open the arm of an arm.json; interventions are detached on exit, also after an error.

    Every file is checked against its digest first; `ArmError` names one that changed.
    """
    file = Path(path)
    arm = read_json(file)
    base = file.parent / arm["base"]["folder"]
    _check_digests(base, arm["base"]["sha256"], file)
    for step in arm["steps"]:
        _check_digests(file.parent / step["file"], step["sha256"], file)
    load = fields.load(LoadSpec, arm.get("load", {}), f"{file}: load")
    model, tokenizer = open_model(base, device=device, load=load)
    model.requires_grad_(False)
    opened = OpenArm(model, tokenizer, arm)
    try:
        for place, step in enumerate(arm["steps"], start=1):
            method = methods.load(EDITS, step["edit"]).Edit
            opened.edits.append(method.load(model, file.parent / step["file"], place=place))
            opened.edits[-1].set_strength(step["strength"])
        yield opened
    finally:
        opened.detach()


def first_steps(model: Any, file: Path, target: Path) -> list[dict[str, Any]]:
    """The steps of a finished arm, attached to a model and copied into the weights of the next.

    model: loaded from the arm's base; file: its arm.json; target: the next arm's weights.
    """
    arm, steps = read_json(file), []
    for place, step in enumerate(arm["steps"], start=1):
        folder = file.parent / step["file"]
        _check_digests(folder, step["sha256"], file)
        edit = methods.load(EDITS, step["edit"]).Edit.load(model, folder, place=place)
        edit.set_strength(step["strength"])
        name = f"{place}-{step['edit']}"
        shutil.copytree(folder, target / name)
        steps.append({**step, "file": f"{WEIGHTS}/{name}"})
    return steps


def arm_file_of(path: Path, condition: str) -> Path:
    """The arm.json of a condition: an arm's own, or that in an attack's folder of conditions."""
    return path / condition / ARM if path.is_dir() else path


def arm_of_model(
    folder: str | Path, *, arm: str, pair: int, home: str | Path, load: LoadSpec | None = None
) -> dict[str, Any]:
    """arm.json of a model as it is (base, oracle): no steps, no seed. home: arm.json's folder;
    load: how its files are opened."""
    return arm_json(folder, arm, pair, None, [], home, load)


def arm_json(
    base: str | Path,
    arm: str,
    pair: int,
    seed: int | None,
    steps: list[dict[str, Any]],
    home: str | Path,
    load: LoadSpec | None = None,
) -> dict[str, Any]:
    """What arm.json holds; paths are relative to its own folder `home`. How the base is opened
    stands in it where that is not the default."""
    folder = Path(os.path.relpath(base, home)).as_posix()
    return {
        "arm": arm,
        "pair": pair,
        "seed": seed,
        "base": {"folder": folder, "sha256": digests(Path(base))},
        "steps": steps,
        **({} if load in (None, LoadSpec()) else {"load": fields.plain(load)}),
    }


LOADED = ("*.safetensors", "*.json", "*.model", "*.txt")
"""Files of a folder that a model, tokenizer or edit is loaded from."""


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file a model or edit is loaded from."""
    files = sorted(file for pattern in LOADED for file in folder.glob(pattern))
    return {f.name: file_digest(f) for f in files if not f.name.endswith(".manifest.json")}


def _check_digests(folder: Path, expected: Mapping[str, str], arm_file: Path) -> None:
    for name, digest in expected.items():
        file = folder / name
        if not file.exists():
            raise ArmError(f"{file}, which {arm_file} needs, does not exist; make the arm again")
        if file_digest(file) != digest:
            raise ArmError(
                f"{file} is not the file that {arm_file} was made with (its SHA-256 differs); "
                "restore it or make the arm again"
            )
