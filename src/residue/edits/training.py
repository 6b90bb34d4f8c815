"""The one training loop: any objective on any edit, resumable to the bit.

Everything that varies comes from outside: `batches(step)` gives the items of an update as a pure
function of its number, `objective.loss(step)` the loss. So a state is weights and moments alone.
"""

from __future__ import annotations

import hashlib
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residue.core.provenance import canonical
from residue.edits import checkpoints
from residue.edits.batches import Batch, Views
from residue.edits.looks import Best, Dev, exact_share
from residue.edits.projection import Projection
from residue.edits.step import Reference
from residue.edits.updates import Objective, TrainingError, Updates
from residue.specs.fields import plain
from residue.specs.training import TrainSpec

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

logger = logging.getLogger(__name__)


def train(
    model: Any,
    batches: Callable[[int], Batch],
    objective: Objective,
    spec: TrainSpec,
    state_dir: Path | None,
    *,
    reference: Reference,
    seed: int,
    dev: Mapping[str, Sequence[Views]] | None = None,
    micro_batch: int | None = None,
    save_every: int = 50,
    after: Callable[[int], None] | None = None,
    penalty: Callable[[], Tensor | None] | None = None,
    defence: Dev | None = None,
    project: Projection | None = None,
    teacher: Reference | None = None,
) -> pd.DataFrame:
    """Train the weights of `model` that take gradients; one row of history per update.

    reference: opens a stretch in which the model is what policy is compared with; seed: of dropout;
    dev: items watched under the names that the history gets as columns (share answered exactly),
    of which ``dev_forget`` decides the stop; micro_batch: examples forwarded at once (memory, not
    meaning); state_dir: where states go every `save_every` updates, None keeps none; after: called
    with the number of each update that is done; penalty: what the edit adds to the loss, a mean
    over the tokens that it read; defence: dev items of a defence, looked at as often; project:
    what the objective reads representations through, trained along; teacher: opens a stretch in
    which the model is what the objective imitates.
    History: step (from 1), lr, loss, grad_norm, the objective's parts, the dev columns (null where
    not looked at), and of a defence what `Dev.look` tells with best_step, best_value and waited,
    the looks since. Under ``choose: best`` the weights of best_step are kept. Raises
    `TrainingError`.
    """
    import pandas as pd

    run = Updates(model, objective, spec, reference, seed, micro_batch, penalty, project, teacher)
    dev = dev or {}
    if spec.stop_at is not None and not dev.get("dev_forget"):
        raise TrainingError("stop_at is set but the edit data holds no dev_forget items; add some")
    if spec.choose == "best" and defence is None:
        raise TrainingError("choose is best but there are no dev items of a defence")
    last = spec.limit or spec.steps
    planned = [batches(step) for step in range(last)]
    key = _key(run, planned, dev, defence)
    history = _resume(run, state_dir, key)
    with run.held():
        best = Best(model, run.optimiser.flat, spec, defence)
        with reference():
            best.begin(history, run.restored.get("best"))
        run.say_plan(planned[len(history) :])
        started, begun = time.monotonic(), len(history)
        while len(history) < last and not _reached(history, spec) and not best.waited_enough():
            if hasattr(objective, "after"):
                run.objective = objective.after(history)
            row = run.update(len(history), batches(len(history)))
            if spec.check_every and row["step"] % spec.check_every == 0:
                row |= {name: exact_share(model, units) for name, units in dev.items()}
                row |= best.look(row["step"])
            history.append(row)
            if after is not None:
                after(row["step"])
            _report(row, spec, time.monotonic() - started, row["step"] - begun)
            if state_dir is not None and row["step"] % save_every == 0:
                tensors = {**run.optimiser.state(), **best.state()}
                checkpoints.save(state_dir, key, checkpoints.State(row["step"], tensors, history))
        best.keep()
    seen = [*dev, *(best.columns if defence is not None else ())]
    return pd.DataFrame(history).assign(**{name: _column(history, name) for name in seen})


def _key(
    run: Updates, planned: Sequence[Batch], dev: Mapping[str, Sequence[Views]], defence: Dev | None
) -> str:
    """Which run a state belongs to: a state of other settings, items or weights is not resumed."""
    shapes = {name: list(weight.shape) for name, weight in run.weights.items()}
    looked_at = repr(sorted(dev.items())) + repr(defence)
    settings = [plain(run.spec), repr(run.objective), run.seed, shapes, looked_at]
    digest = hashlib.sha256(canonical(settings).encode())
    for batch in planned:
        digest.update(repr(sorted(batch.items())).encode())
    digest.update(run.optimiser.flat.float().cpu().numpy().tobytes())
    return digest.hexdigest()


def _resume(run: Updates, state_dir: Path | None, key: str) -> list[dict[str, Any]]:
    state = checkpoints.newest(state_dir, key) if state_dir is not None else None
    if state is None:
        return []
    run.optimiser.restore(state.tensors, state.step)
    run.restored = {name: w for name, w in state.tensors.items() if name == "best"}
    logger.info("resumed after update %d", state.step)
    return state.history


def _reached(history: list[dict[str, Any]], spec: TrainSpec) -> bool:
    """Whether the last look at the dev items met the stop rule."""
    share = history[-1].get("dev_forget") if history else None
    return spec.stop_at is not None and share is not None and share <= spec.stop_at


def _report(row: Mapping[str, Any], spec: TrainSpec, seconds: float, done: int) -> None:
    every = spec.check_every or max(1, spec.steps // 10)
    if row["step"] % every and row["step"] != spec.steps:
        return
    left = seconds / done * (spec.steps - row["step"])
    told = " ".join(f"{name} {value:.4g}" for name, value in row.items() if name != "step")
    logger.info("update %d/%d %s, about %.0f s left", row["step"], spec.steps, told, left)


def _column(history: list[dict[str, Any]], name: str) -> list[float]:
    return [row.get(name, math.nan) for row in history]
