"""Training of an arm: the steps of its recipe in order, each on top of those before it."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residue.core.seeds import derive
from residue.edits.answers import score
from residue.edits.arms import WEIGHTS, ArmError, arm_json, digests
from residue.edits.attached import Attached
from residue.edits.batches import Batches, Views, pools, preferences
from residue.edits.fitting import FitData, chosen_row
from residue.edits.training import train
from residue.models.opening import open_model
from residue.specs.arms import ArmSpec, StepSpec
from residue.specs.model import LoadSpec

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
    layers: Sequence[int] = (),
    saes: Sequence[Path] = (),
    device: str = "cpu",
    micro_batch: int | None = None,
    load: LoadSpec | None = None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Train a recipe's steps in order; writes the weights, gives arm.json's content and history.

    data: edit_data (set, item, prompt, answer); home: where arm.json will lie; weights: where to
    write now what will lie in `home`/weights (default: there); state_dir: for resuming; layers:
    the chosen rows, best first; saes: a folder for each; load: how the base is opened. History has
    the columns of `train` and `edit`, the step's folder name; a step that is not trained has no
    line. Raises `ArmError` where a step changes nothing, `TrainingError` where training fails.
    """
    import pandas as pd

    target = Path(weights) if weights is not None else Path(home) / WEIGHTS
    model, tokenizer = open_model(base, device=device, load=load)
    shown = data
    steps, histories = [], []
    for place, step in enumerate(recipe.steps, start=1):
        name = f"{place}-{step.edit['name']}"
        aim = step.objective["name"] if step.objective else "nothing: it is computed"
        logger.info("arm %s seed %d: training %s on %s", arm, seed, name, aim)
        own, seen = derive("edit", pair, seed, place), _seen(shown, step)
        if step.objective is None:
            source = FitData(
                model, pools(tokenizer, seen), seen, layers=layers, saes=saes, base=Path(base)
            )
            method = step.built_edit()
            edit = method.fit(model, tokenizer, source, seed=derive(own, "weights"), place=place)
        else:
            state = Path(state_dir) / name if state_dir is not None else None
            items = _items(tokenizer, seen, step)
            edit, history = _train_step(model, step, items, own, place, layers, state, micro_batch)
            histories.append(history.assign(edit=name))
        edit.set_strength(step.strength)
        shown, before = _asked(edit, shown), shown
        require_effect(
            model,
            edit,
            pools(tokenizer, shown)["forget"][:LOOKED_AT],
            pools(tokenizer, before)["forget"][:LOOKED_AT],
            f"step {name} of arm {arm}",
        )
        edit.save(target / name)
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


def _seen(data: pd.DataFrame, step: StepSpec) -> pd.DataFrame:
    """The edit data that a step is shown: of the forget rows those in its languages."""
    if not step.forget_languages:
        return data
    spoken = data["language"].isin(step.forget_languages)
    kept = data[spoken | ~data["set"].isin(["forget", "dev_forget"])]
    if "forget" not in set(kept["set"]):
        raise ArmError(
            f"no forget row is in {', '.join(step.forget_languages)}; mend forget_languages of the "
            "step"
        )
    return kept.reset_index(drop=True)


def _asked(edit: Attached, data: pd.DataFrame) -> pd.DataFrame:
    """Edit data with the prompts as the edit would have them asked."""
    return data.assign(prompt=data["prompt"].map(edit.prompt))


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


def _items(tokenizer: Any, data: pd.DataFrame, step: StepSpec) -> dict[str, list[Views]]:
    """The edit data by set, with a second answer where the objective prefers one, and with made-up
    items among the kept ones where these are only held as they were, not taught."""
    items, objective = pools(tokenizer, data), step.built_objective()
    if getattr(objective, "retain", None) == "kl":
        items["retain"] = [*items["retain"], *items.get("made_up", [])]
    if getattr(objective, "ALTERNATES", False):
        items["forget"] = preferences(tokenizer, data, getattr(objective, "refusals", {}))
    return items


def _train_step(
    model: Any,
    step: StepSpec,
    items: Mapping[str, list[Views]],
    seed: int,
    place: int,
    layers: Sequence[int],
    state_dir: Path | None,
    micro_batch: int | None,
) -> tuple[Attached, pd.DataFrame]:
    objective = step.built_objective()
    method = step.built_edit()
    if getattr(method, "row", 0) is None:
        method = dataclasses.replace(method, row=chosen_row(None, layers))
    edit = method.attach(model, seed=derive(seed, "weights"), place=place)
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
        penalty=edit.penalty,
    )
    edit.trainable(False)
    return edit, history


def _no_history() -> pd.DataFrame:
    """The history of an arm in which nothing was trained."""
    import pandas as pd

    kinds = {"step": "int64", "lr": "float64", "loss": "float64", "grad_norm": "float64"}
    columns = {name: pd.Series([], dtype=kind) for name, kind in kinds.items()}
    columns |= {name: pd.Series([], dtype="float64") for name in DEV_SETS}
    return pd.DataFrame(columns | {"edit": pd.Series([], dtype="str")})
