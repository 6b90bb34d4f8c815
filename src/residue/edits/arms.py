"""Arms on disk: train a recipe, describe it in arm.json, open it as a plain model."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residue.core import methods
from residue.core.artifacts import read_json
from residue.core.provenance import file_digest
from residue.core.seeds import derive
from residue.edits.answers import score
from residue.edits.attached import Attached
from residue.edits.batches import Batches, Views, pools
from residue.edits.training import train
from residue.models.loading import load_model
from residue.specs.arms import EDITS, ArmSpec, StepSpec

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

WEIGHTS = "weights"
"""Folder beside arm.json that holds one folder per step."""
DEV_SETS = ("dev_forget", "dev_retain")
NO_EFFECT = 1e-5
"""Largest change of a logit that still counts as none; float32 rounding of the embedded model's
logits (size about 10) is near 1e-6."""
LOOKED_AT = 64
"""Forget items on which an edit must show an effect."""


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
    model, tokenizer = load_model(base, device=device)
    model.requires_grad_(False)
    opened = OpenArm(model, tokenizer, arm)
    try:
        for place, step in enumerate(arm["steps"], start=1):
            method = methods.load(EDITS, step["edit"]).Edit
            opened.edits.append(method.load(model, file.parent / step["file"], place=place))
        yield opened
    finally:
        opened.detach()


def arm_of_model(folder: str | Path, *, arm: str, pair: int, home: str | Path) -> dict[str, Any]:
    """arm.json of a model as it is (base, oracle): no steps, no seed. home: arm.json's folder."""
    return _arm(folder, arm, pair, None, [], home)


def train_arm(
    base: str | Path,
    recipe: ArmSpec,
    data: pd.DataFrame,
    *,
    arm: str,
    pair: int,
    seed: int,
    home: str | Path,
    weights: str | Path | None = None,
    state_dir: str | Path | None = None,
    device: str = "cpu",
    micro_batch: int | None = None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Train a recipe's steps in order; writes the weights, gives arm.json's content and history.

    data: edit_data (set, item, prompt, answer); home: where arm.json will lie; weights: where to
    write now what will lie in `home`/weights (default: there); state_dir: for resuming. History
    has the columns of `train` and `edit`, the step's folder name. Raises `ArmError` where a step
    changes nothing, `TrainingError` where training fails.
    """
    import pandas as pd

    target = Path(weights) if weights is not None else Path(home) / WEIGHTS
    model, tokenizer = load_model(base, device=device)
    items = pools(tokenizer, data)
    steps, histories = [], []
    for place, step in enumerate(recipe.steps, start=1):
        name = f"{place}-{step.edit['name']}"
        logger.info("arm %s seed %d: training %s on %s", arm, seed, name, step.objective["name"])
        state = Path(state_dir) / name if state_dir is not None else None
        edit, history = _train_step(
            model, step, items, derive("edit", pair, seed, place), place, state, micro_batch
        )
        require_effect(model, edit, items["forget"][:LOOKED_AT], f"step {name} of arm {arm}")
        edit.save(target / name)
        steps.append(
            {
                "edit": step.edit["name"],
                "file": f"{WEIGHTS}/{name}",
                "hook": edit.hook,
                "sha256": _digests(target / name),
                "removable": step.built_edit().REMOVABLE,
            }
        )
        histories.append(history.assign(edit=name))
    return _arm(base, arm, pair, seed, steps, home), pd.concat(histories, ignore_index=True)


def require_effect(model: Any, edit: Attached, units: list[Views], name: str) -> float:
    """Largest change of a logit that the edit makes on items; none at all is an `ArmError`."""
    import torch

    examples = [views[0] for views in units]
    with torch.no_grad():
        after = score(model, examples).logits
        with edit.detached():
            before = score(model, examples).logits
    change = float((after - before).abs().max())
    if not change > NO_EFFECT:
        raise ArmError(
            f"{name} changes nothing: no logit on its forget items moves by more than {change:.1e};"
            " raise train.steps or train.learning_rate"
        )
    return change


def _train_step(
    model: Any,
    step: StepSpec,
    items: Mapping[str, list[Views]],
    seed: int,
    place: int,
    state_dir: Path | None,
    micro_batch: int | None,
) -> tuple[Attached, pd.DataFrame]:
    objective = step.built_objective()
    edit = step.built_edit().attach(model, seed=derive(seed, "weights"), place=place)
    sizes = {role: step.train.batch[role] for role in objective.ROLES}
    history = train(
        model,
        Batches(items, sizes, derive(seed, "batches")),
        objective,
        step.train,
        state_dir,
        reference=edit.detached,
        seed=derive(seed, "dropout"),
        dev={name: items[name] for name in DEV_SETS if name in items},
        micro_batch=micro_batch,
    )
    edit.trainable(False)
    return edit, history


def _arm(
    base: str | Path,
    arm: str,
    pair: int,
    seed: int | None,
    steps: list[dict[str, Any]],
    home: str | Path,
) -> dict[str, Any]:
    folder = Path(os.path.relpath(base, home)).as_posix()
    return {
        "arm": arm,
        "pair": pair,
        "seed": seed,
        "base": {"folder": folder, "sha256": _digests(Path(base))},
        "steps": steps,
    }


def _digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file a model or edit is loaded from."""
    files = sorted([*folder.glob("*.safetensors"), *folder.glob("*.json")])
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
