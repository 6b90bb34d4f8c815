"""The one training loop: any objective on any edit, resumable to the bit.

Everything that varies comes from outside: `batches(step)` gives the items of an update as a pure
function of its number, `objective.loss(step)` the loss. So a state is weights and moments alone.
"""

from __future__ import annotations

import hashlib
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from residue.core.provenance import canonical
from residue.core.seeds import derive
from residue.edits import checkpoints
from residue.edits.answers import Example, score
from residue.edits.batches import Batch, Views, micro_batches
from residue.edits.looks import Best, Dev, evaluating, exact_share
from residue.edits.memory import base_in_nf4, blocks_again
from residue.edits.optimiser import FlatAdamW
from residue.edits.projection import Projection
from residue.edits.step import Reference, Step
from residue.specs.fields import plain
from residue.specs.training import TrainSpec

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

logger = logging.getLogger(__name__)

NAMED = 8
"""Items that an error message names at most."""


class Objective(Protocol):
    """What a file of `edits/objectives/` offers."""

    ROLES: tuple[str, ...]
    """Roles that a batch must hold."""

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The micro-batch's share of the loss and of its parts, scalars.

        An objective that adapts as training goes also has ``after(history)``, which gives that of
        the next update: a function of the history alone, so that a resumed run goes on the same.
        """


class TrainingError(RuntimeError):
    """Training cannot go on; the message names the update and the items."""


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

    run = _Run(model, objective, spec, reference, seed, micro_batch, penalty, project)
    run.teacher = teacher
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


def rate(spec: TrainSpec, step: int) -> float:
    """Learning rate of update `step` (from 0): linear warm-up, then the schedule's fall.

    The last update has `final_share` of the highest rate, the last of the warm-up all of it.
    """
    if step < spec.warmup:
        return spec.learning_rate * (step + 1) / spec.warmup
    if spec.schedule == "constant":
        return spec.learning_rate
    done = (step - spec.warmup + 1) / (spec.steps - spec.warmup)
    left = 1 - done if spec.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2
    return spec.learning_rate * (spec.final_share + (1 - spec.final_share) * left)


class _Run:
    """The moving parts of one training run."""

    def __init__(
        self,
        model: Any,
        objective: Objective,
        spec: TrainSpec,
        reference: Reference,
        seed: int,
        micro_batch: int | None,
        penalty: Callable[[], Tensor | None] | None,
        project: Projection | None,
    ) -> None:
        self.weights = {n: w for n, w in model.named_parameters() if w.requires_grad}
        self.project = project
        if project is not None:
            self.weights["projection"] = project.weight
        if not self.weights:
            raise TrainingError("no weight of the model takes gradients; attach an edit first")
        self.model, self.objective, self.spec = model, objective, spec
        self.reference, self.seed, self.micro_batch = reference, seed, micro_batch
        self.penalty = penalty or _no_penalty
        self.teacher: Reference | None = None
        self.views = getattr(objective, "views", None)
        self.restored: dict[str, Tensor] = {}
        self.optimiser = FlatAdamW(self.weights, weight_decay=spec.weight_decay, bits=spec.moments)

    @contextmanager
    def held(self) -> Iterator[None]:
        """The base as the spec has it held, blocks recomputed if it says so."""
        with ExitStack() as stack:
            if self.spec.base == "nf4":
                stack.enter_context(base_in_nf4(self.model))
            if self.spec.recompute:
                stack.enter_context(blocks_again(self.model))
            yield

    def say_plan(self, planned: Sequence[Batch]) -> None:
        """Log how long the updates to come will take: a pass over the first one's items, times
        three for the backward pass, in proportion to the tokens of all."""
        if not planned:
            return
        import torch

        begun = time.monotonic()
        examples = list(self._examples(planned[0]))
        with evaluating(self.model), torch.no_grad():
            score(self.model, examples)
        seconds = max(time.monotonic() - begun, 1e-9)
        first = sum(len(example.ids) for example in examples)
        tokens = sum(len(example.ids) for batch in planned for example in self._examples(batch))
        logger.info(
            "%d updates of %d tokens in all, expected to take about %.0f s, looks at dev items "
            "apart",
            len(planned),
            tokens,
            3 * seconds * tokens / first,
        )

    def _examples(self, batch: Batch) -> Iterator[Example]:
        for role, units in batch.items():
            for views in units:
                read = (self.views or {}).get(role, range(len(views)))
                yield from (views[place] for place in read)

    def update(self, number: int, batch: Batch) -> dict[str, Any]:
        """One update from gradients accumulated over micro-batches; its row of history."""
        parts = self._gradients(number, batch)
        while parts is None:
            parts = self._gradients(number, batch)
        norm = self.optimiser.clip(self.spec.clip)
        everything = self._step(batch, batch)
        self._check("gradient norm", norm, math.inf, number, everything)
        lr = rate(self.spec, number)
        self.optimiser.step(lr)
        return {"step": number + 1, "lr": lr, "loss": parts.pop("loss"), "grad_norm": norm, **parts}

    def _gradients(self, number: int, batch: Batch) -> dict[str, float] | None:
        """Accumulate the update's gradient; the parts of its loss. None where memory ran out: fewer
        examples go at once from then on."""
        try:
            return self._accumulated(number, batch)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        # Only here, with the error gone, are the tensors of the failed pass free.
        self._halve(number, _size(batch))
        return None

    def _halve(self, number: int, size: int) -> None:
        import torch

        before = min(self.micro_batch or size, size)
        if before == 1:
            raise TrainingError(
                f"update {number + 1} needs more memory than there is for a single example; set "
                "train.recompute: true or train.base: nf4, shorten the prompts, or take a smaller "
                "model"
            )
        self.micro_batch = -(-before // 2)
        self.optimiser.gradient.zero_()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        logger.warning(
            "update %d ran out of memory with %d examples at once: from now on %d at once, and %d "
            "per update as before (their mean is the same, no text is cut)",
            number + 1,
            before,
            self.micro_batch,
            size,
            extra={"replaced": True},
        )

    def _accumulated(self, number: int, batch: Batch) -> dict[str, float]:
        parts: dict[str, float] = {}
        for place, micro in enumerate(micro_batches(batch, self.micro_batch)):
            step = self._step(micro, batch)
            with _drawing_from(derive(self.seed, number, place)):
                loss, shares = self.objective.loss(step)
                extra = self.penalty()
                if extra is not None:
                    share = extra * (_size(micro) / _size(batch))
                    loss, shares = loss + share, {**shares, "penalty": share}
                self._check("loss", float(loss.detach()), self.spec.loss_limit, number, step)
                loss.backward()  # type: ignore[no-untyped-call]
            for name, share in {"loss": loss, **shares}.items():
                parts[name] = parts.get(name, 0.0) + float(share.detach())
        return parts

    def _step(self, micro: Batch, whole: Batch) -> Step:
        return Step(
            self.model, self.reference, micro, whole, self.views, self.project, self.teacher
        )

    def _check(self, what: str, value: float, limit: float, number: int, step: Step) -> None:
        if math.isfinite(value) and abs(value) <= limit:
            return
        names = step.suspects() or step.items
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        raise TrainingError(
            f"the {what} of update {number + 1} is {value:g} (limit {limit:g}) on the items "
            f"{', '.join(names[:NAMED])}{more}; lower train.learning_rate or look at these items"
        )


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch could not have the memory that it asked for, on a card or on the CPU."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _no_penalty() -> None:
    """Most edits add nothing to the loss."""


def _size(batch: Batch) -> int:
    return sum(len(views) for units in batch.values() for views in units)


def _key(
    run: _Run, planned: Sequence[Batch], dev: Mapping[str, Sequence[Views]], defence: Dev | None
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


def _resume(run: _Run, state_dir: Path | None, key: str) -> list[dict[str, Any]]:
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


@contextmanager
def _drawing_from(seed: int) -> Iterator[None]:
    """Random draws inside (dropout) depend on the seed alone and leave the global state alone."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
