"""Training of an arm: the steps of its recipe in order, each on top of those before it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residue.core.seeds import derive
from residue.edits.answers import score
from residue.edits.arms import WEIGHTS, ArmError, arm_json, digests
from residue.edits.attached import Attached
from residue.edits.batches import Batches, Views, pools, preferences
from residue.edits.training import train
from residue.models.loading import load_model
from residue.specs.arms import ArmSpec, StepSpec

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

DEV_SETS = ("dev_forget", "dev_retain")
NO_EFFECT = 1e-5
"""Largest change of a logit that still counts as none; float32 rounding of the embedded model's
logits (size about 10) is near 1e-6."""
LOOKED_AT = 64
"""Forget items on which an edit must show an effect."""


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
    steps, histories = [], []
    for place, step in enumerate(recipe.steps, start=1):
        name = f"{place}-{step.edit['name']}"
        logger.info("arm %s seed %d: training %s on %s", arm, seed, name, step.objective["name"])
        items = _items(tokenizer, data, step)
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
                "sha256": digests(target / name),
                "removable": step.built_edit().REMOVABLE,
            }
        )
        histories.append(history.assign(edit=name))
    return arm_json(base, arm, pair, seed, steps, home), pd.concat(histories, ignore_index=True)


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


def _items(tokenizer: Any, data: pd.DataFrame, step: StepSpec) -> dict[str, list[Views]]:
    """The edit data by set, with a second answer where the objective prefers one."""
    items, objective = pools(tokenizer, data), step.built_objective()
    if getattr(objective, "ALTERNATES", False):
        items["forget"] = preferences(tokenizer, data, objective.refusals)
    return items


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
