"""One update: the gradient of an objective over a batch, in as many parts as memory takes.

A micro-batch's losses are shares of means over the whole update, so the parts add up to what the
batch at once would give, up to rounding.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from residue.core.seeds import derive
from residue.edits.answers import Example, score
from residue.edits.batches import Batch, micro_batches
from residue.edits.looks import evaluating
from residue.edits.memory import base_in_nf4, blocks_again
from residue.edits.optimiser import FlatAdamW
from residue.edits.projection import Projection
from residue.edits.step import Reference, Step
from residue.edits.trees import obstacle
from residue.specs.training import TrainSpec

if TYPE_CHECKING:
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


class Updates:
    """The moving parts of one training run: weights, optimiser, and how an update is made."""

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
        teacher: Reference | None = None,
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
        self.teacher = teacher
        self.views = getattr(objective, "views", None)
        self.restored: dict[str, Tensor] = {}
        self.turns, shares = zip(*spec.turns(), strict=True)
        self.optimiser = FlatAdamW(
            self.weights, weight_decay=spec.weight_decay, bits=spec.moments, shares=shares
        )

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
        longest = max(len(example.ids) for example in examples)
        several = len(examples) > sum(map(len, planned[0].values()))
        reason = obstacle(self.model, longest) if several else ""
        if reason:
            logger.info("what the views of an item share is passed for each of them: %s", reason)

    def _examples(self, batch: Batch) -> Iterator[Example]:
        for role, units in batch.items():
            for views in units:
                read = (self.views or {}).get(role, range(len(views)))
                yield from (views[place] for place in read)

    def update(self, number: int, batch: Batch) -> dict[str, Any]:
        """One update from gradients accumulated over micro-batches; its row of history.

        Where roles step apart, each one's parts of the loss are of the weights it read, and
        `grad_norm` is the root of the sum of their squared norms, told one by one beside it.
        """
        told: dict[str, float] = {"loss": 0.0, "grad_norm": 0.0}
        lr = self.spec.rate(number)
        norms: list[float] = []
        for turn, role in enumerate(self.turns):
            mine = {each: units if role in ("", each) else [] for each, units in batch.items()}
            parts = self._gradients(number, mine, batch, role)
            while parts is None:
                parts = self._gradients(number, mine, batch, role)
            norms.append(self.optimiser.clip(self.spec.clip))
            self._check("gradient norm", norms[-1], math.inf, number, self._step(mine, batch))
            self.optimiser.step(lr, turn)
            for name, part in parts.items():
                told[name] = told.get(name, 0.0) + part
        told["grad_norm"] = math.hypot(*norms)
        if len(norms) > 1:
            told |= {f"grad_norm_{r}": norm for r, norm in zip(self.turns, norms, strict=True)}
        return {"step": number + 1, "lr": lr, **told}

    def _gradients(
        self, number: int, mine: Batch, batch: Batch, role: str
    ) -> dict[str, float] | None:
        """Accumulate the gradient of a role's items, or of all; the parts of its loss. None where
        memory ran out: fewer examples go at once from then on."""
        try:
            return self._accumulated(number, mine, batch, role)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        # Only here, with the error gone, are the tensors of the failed pass free.
        self._halve(number, _size(mine))
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

    def _accumulated(self, number: int, mine: Batch, batch: Batch, role: str) -> dict[str, float]:
        parts: dict[str, float] = {}
        turn = [role] if role else []
        for place, micro in enumerate(micro_batches(mine, self.micro_batch)):
            step = self._step(micro, batch)
            with _drawing_from(derive(self.seed, number, place, *turn)):
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


@contextmanager
def _drawing_from(seed: int) -> Iterator[None]:
    """Random draws inside (dropout) depend on the seed alone and leave the global state alone."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
