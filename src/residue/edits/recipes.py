"""Training of an arm: the steps of its recipe in order, each on top of those before it."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residue.core.seeds import derive
from residue.edits.answers import score
from residue.edits.arms import WEIGHTS, ArmError, arm_json, digests, first_steps
from residue.edits.attached import Attached
from residue.edits.batches import Batches, Views, pools
from residue.edits.difficulty import arranged
from residue.edits.feed import DEV_SETS, Fed, Shown, attacks_for, fed_by, rows_for
from residue.edits.fitting import FitData, chosen_row
from residue.edits.projection import Projection, fresh_projection
from residue.edits.teaching import Teacher, teacher_of
from residue.edits.training import train
from residue.models.blocks import describe
from residue.models.opening import open_model
from residue.specs.arms import ArmSpec, StepSpec
from residue.specs.model import LoadSpec

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

NO_EFFECT = 1e-5
"""Largest change of a logit that still counts as none; float32 rounding of the embedded model's
logits (size about 10) is near 1e-6."""


def train_arm(
    base: str | Path,
    recipe: ArmSpec,
    data: pd.DataFrame,
    defence: pd.DataFrame | None = None,
    *,
    arm: str,
    pair: int,
    seed: int,
    home: str | Path,
    weights: str | Path | None = None,
    state_dir: str | Path | None = None,
    layers: Sequence[int] = (),
    saes: Sequence[Path] = (),
    lens: Path | None = None,
    device: str = "cpu",
    micro_batch: int | None = None,
    after: Path | None = None,
    load: LoadSpec | None = None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Train a recipe's steps in order; writes the weights, gives arm.json's content and history.

    data: edit_data (set, item, prompt, answer); defence: defence_data, for objectives and edits
    that are made from it; home: where arm.json will lie; weights: where to
    write now what will lie in `home`/weights (default: there); state_dir: for resuming; layers:
    the chosen rows, best first; saes: a folder for each; lens: what objectives read rows through,
    fitted on the base; after: arm.json of an arm on whose steps
    these stand, which are copied; load: how the base is opened. History has the columns of `train`
    and `edit`, the step's folder name; a step that is not trained has no line. Raises `ArmError`
    where a step changes nothing, `TrainingError` where training fails.
    """
    import pandas as pd

    target = Path(weights) if weights is not None else Path(home) / WEIGHTS
    model, tokenizer = open_model(base, device=device, load=load)
    shown = Shown(tokenizer, data, defence)
    steps, histories = first_steps(model, after, target) if after else [], []
    for place, step in enumerate(recipe.steps, start=len(steps) + 1):
        name = f"{place}-{step.edit['name']}"
        extra: Projection | None = None
        aim = step.objective["name"] if step.objective else "nothing: it is computed"
        logger.info("arm %s seed %d: training %s on %s", arm, seed, name, aim)
        own = derive("edit", pair, seed, place)
        teacher = None
        if step.objective is None or step.built_teacher() is not None:
            seen = rows_for(shown.data, step)
            source = FitData(
                model,
                pools(tokenizer, seen),
                seen,
                layers=layers,
                saes=saes,
                base=Path(base),
                defence=attacks_for(shown.given(), step) if step.is_defence() else None,
            )
            teacher = teacher_of(step, model, tokenizer, source, seed=derive(own, "teacher"))
        if step.objective is None:
            method = step.built_edit()
            edit = method.fit(model, tokenizer, source, seed=derive(own, "weights"), place=place)
        else:
            state = Path(state_dir) / name if state_dir is not None else None
            fed = fed_by(shown, step, model)
            edit, history, extra = _train_step(
                model, step, fed, own, place, layers, lens, state, micro_batch, teacher
            )
            histories.append(history.assign(edit=name))
        edit.set_strength(step.strength)
        shown, before = shown.asked(edit), shown
        require_effect(
            model,
            edit,
            shown.targets(step),
            before.targets(step),
            f"step {name} of arm {arm}",
        )
        edit.save(target / name)
        if extra is not None:
            extra.save(target / name)
        steps.append(
            {
                "edit": step.edit["name"],
                "file": f"{WEIGHTS}/{name}",
                "hook": edit.hook,
                "sha256": digests(target / name),
                "removable": step.built_edit().REMOVABLE,
                "strength": step.strength,
            }
        )
    history = pd.concat(histories, ignore_index=True) if histories else _no_history()
    return arm_json(base, arm, pair, seed, steps, home, load), history


def require_effect(
    model: Any, edit: Attached, units: Sequence[Views], before: Sequence[Views], name: str
) -> float:
    """Largest change of a logit that the edit makes on items; none at all is an `ArmError`.

    before: the same items as they are asked without the edit; most edits leave prompts alone.
    """
    import torch

    with torch.no_grad():
        after = score(model, [views[0] for views in units]).logits
        with edit.detached():
            old = score(model, [views[0] for views in before]).logits
    # A forbidden token has -inf before or after; where it has both, nothing changed.
    change = float((after - old).nan_to_num(nan=0.0, posinf=math.inf, neginf=-math.inf).abs().max())
    if not change > NO_EFFECT:
        raise ArmError(
            f"{name} changes nothing: no logit on its forget items moves by more than {change:.1e};"
            " raise train.steps or train.learning_rate, or strength"
        )
    return change


def _train_step(
    model: Any,
    step: StepSpec,
    fed: Fed,
    seed: int,
    place: int,
    layers: Sequence[int],
    lens: Path | None,
    state_dir: Path | None,
    micro_batch: int | None,
    teacher: Teacher | None,
) -> tuple[Attached, pd.DataFrame, Projection | None]:
    objective = step.built_objective()
    if step.lens():
        if lens is None:
            raise ArmError(f"the objective reads rows through the lens {step.lens()}; give its fit")
        objective = objective.given(lens, model)
    method = step.built_edit()
    if getattr(method, "row", 0) is None:
        method = dataclasses.replace(method, row=chosen_row(None, layers))
    sizes = {role: step.train.batch[role] for role in objective.ROLES}
    batches = arranged(model, Batches(fed.items, sizes, derive(seed, "batches")), step.train)
    edit = method.attach(model, seed=derive(seed, "weights"), place=place)
    size = getattr(objective, "projection", 0)
    project = None
    if size:
        device = str(next(model.parameters()).device)
        width = describe(model).width
        project = fresh_projection(size, width, seed=derive(seed, "projection"), device=device)
    history = train(
        model,
        batches,
        objective,
        step.train,
        state_dir,
        reference=edit.detached,
        seed=derive(seed, "dropout"),
        dev=fed.dev,
        micro_batch=micro_batch,
        penalty=edit.penalty,
        defence=fed.defence,
        project=project,
        teacher=teacher.beside(edit.detached) if teacher else None,
    )
    if teacher:
        teacher.take_off()
    edit.trainable(False)
    return edit, history, project


def _no_history() -> pd.DataFrame:
    """The history of an arm in which nothing was trained."""
    import pandas as pd

    kinds = {"step": "int64", "lr": "float64", "loss": "float64", "grad_norm": "float64"}
    columns = {name: pd.Series([], dtype=kind) for name, kind in kinds.items()}
    columns |= {name: pd.Series([], dtype="float64") for name in DEV_SETS}
    return pd.DataFrame(columns | {"edit": pd.Series([], dtype="str")})
