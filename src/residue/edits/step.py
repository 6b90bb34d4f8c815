"""What an objective sees: the items of one update and what policy and reference say of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from residue.edits.answers import Example, Scores, Watched, score
from residue.edits.batches import ATTACKED, CLEAN, OBEYING, Batch

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.lensed import Lens

Reference = Callable[[], AbstractContextManager[Any]]
"""Opens a stretch in which the model is the reference: the edit detached, same load."""


class Step:
    """One micro-batch of an update. Nothing runs before an objective asks for it.

    The policy answers all roles in one pass, in which what an item's views share is passed once;
    the reference answers only the role asked for, without gradient; both are kept for the
    micro-batch. `whole` is the update's whole batch: means are taken over it, so the micro-batches'
    losses simply add up, however unequal they are. `views`: which views of a role's items the pass
    holds, for objectives that read some of them only; `project`: what an objective reads
    representations through; `teacher`: opens a stretch in which the model is what an objective
    imitates.
    """

    def __init__(
        self,
        model: Any,
        reference: Reference,
        batch: Batch,
        whole: Batch,
        views: Mapping[str, Sequence[int]] | None = None,
        project: Callable[[Tensor], Tensor] | None = None,
        teacher: Reference | None = None,
    ) -> None:
        self.model = model
        self._reference = reference
        self._teacher = teacher
        self._batch = batch
        self._whole = whole
        self._views = views or {}
        self._project = project
        self._row: Watched = None
        self.lens: Lens | None = None
        """The frozen lens of an objective that reads rows through one."""
        self._answers: dict[tuple[str, int], Answers] = {}

    @property
    def forget(self) -> Answers:
        """The items to forget."""
        return self.answers("forget")

    @property
    def retain(self) -> Answers:
        """The items to keep."""
        return self.answers("retain")

    def pair(self, view: int) -> Answers:
        """One view of the paired items (0 or 1), in the same order for both."""
        return self.answers("pair", view)

    def watch(self, row: Watched) -> None:
        """Keep rows (`Scores.hidden`) in the passes of this micro-batch; say so before they run.

        None stands for the last row, the input of the final norm.
        """
        from residue.models.blocks import describe

        if "said" in self.__dict__:
            raise RuntimeError("the policy has answered already; watch a row before asking it")
        self._row = describe(self.model).n_blocks if row is None else row

    @property
    def twins(self) -> tuple[Answers, Answers]:
        """The twin items clean and attacked, with the right answer."""
        return self.answers("twin", CLEAN), self.answers("twin", ATTACKED)

    @property
    def obeying(self) -> Answers:
        """The attacked twins with what the hidden order asks for."""
        return self.answers("twin", OBEYING)

    @property
    def kept(self) -> Answers:
        """The items that a defence is to leave as they are."""
        return self.answers("keep")

    def through(self, said: Scores, rows: tuple[int, ...]) -> list[Scores]:
        """What each of the watched rows says of the same answers, read through the lens."""
        if self.lens is None:
            raise RuntimeError("this step has no lens; train the objective through `lensed.Given`")
        return self.lens.read(self.model, said, rows)

    def projected(self, rows: Tensor) -> Tensor:
        """Rows (n, width) through the objective's projection, if it has one."""
        return rows if self._project is None else self._project(rows)

    def answers(self, role: str, view: int = 0) -> Answers:
        """The answers of a role (a view of its items); asking twice gives the same object."""
        if role not in self._batch:
            raise KeyError(f"the batch holds no '{role}' items; it holds {sorted(self._batch)}")
        key = (role, view)
        if key not in self._answers:
            examples = [views[view] for views in self._batch[role]]
            whole = [views[view] for views in self._whole[role]]
            self._answers[key] = Answers(self, key, examples, whole)
        return self._answers[key]

    @property
    def items(self) -> list[str]:
        """Names of all items of the micro-batch."""
        return [views[0].item for units in self._batch.values() for views in units]

    def suspects(self) -> list[str]:
        """Names of the items to which the policy gives a non-finite log-probability."""
        found = []
        for answers in self._answers.values():
            finite = answers.policy.sums.detach().isfinite().tolist()
            found += [e.item for e, good in zip(answers.examples, finite, strict=True) if not good]
        return found

    @cached_property
    def said(self) -> dict[tuple[str, int], Scores]:
        """What the policy says of every view in the pass, by role and view."""
        spans: dict[tuple[str, int], tuple[int, int]] = {}
        examples: list[Example] = []
        together: list[tuple[int, ...]] = []
        for role, units in self._batch.items():
            every = range(max((len(views) for views in self._whole[role]), default=1))
            firsts = []
            for view in self._views.get(role, every):
                spans[role, view] = (len(examples), len(examples) + len(units))
                firsts.append(len(examples))
                examples += [views[view] for views in units]
            together += [tuple(first + unit for first in firsts) for unit in range(len(units))]
        scores = score(self.model, examples, row=self._row, together=together)
        return {key: scores.select(*span) for key, span in spans.items()}

    def _refer_rows(self, examples: Sequence[Example], row: int) -> Tensor:
        import torch

        from residue.edits.rows import read_rows

        with torch.no_grad(), self._reference():
            return read_rows(self.model, examples, row)

    def _refer(self, examples: Sequence[Example], to: Reference | None = None) -> Scores:
        import torch

        with torch.no_grad(), (to or self._reference)():
            return score(self.model, examples, row=self._row)


@dataclass(frozen=True)
class Rows:
    """A row of N tokens, (N, width) each: as the policy holds it, and as the reference does."""

    policy: Tensor
    reference: Tensor


@dataclass(frozen=True)
class Answers:
    """The answers of one role (and view) of a micro-batch."""

    step: Step
    key: tuple[str, int]
    examples: Sequence[Example]
    whole: Sequence[Example]

    @cached_property
    def policy(self) -> Scores:
        """What the model in training says, with gradient."""
        return self.step.said[self.key]

    @cached_property
    def reference(self) -> Scores:
        """What the same model says with the edit detached, without gradient."""
        return self.step._refer(self.examples)

    @cached_property
    def taught(self) -> Scores:
        """What the teacher of the objective says, without gradient."""
        if self.step._teacher is None:
            raise RuntimeError("this step has no teacher; the objective must name one")
        return self.step._refer(self.examples, self.step._teacher)

    def rows(self, row: int) -> Rows:
        """A row of every token but the first of the texts, prompts and answers.

        Raises `ValueError` where nothing in training lies below the row.
        """
        from residue.edits.rows import read_rows

        policy = read_rows(self.step.model, self.examples, row)
        if len(policy) and not policy.requires_grad:
            raise ValueError(
                f"no weight in training lies below row {row}, which the objective steers; raise "
                "its row, or choose an edit that sits lower"
            )
        return Rows(policy, self.step._refer_rows(self.examples, row))

    def bent(self, row: int, bound: float, steps: int) -> Scores:
        """What the policy says while an adversary bends a row, see `rows.bent_scores`."""
        from residue.edits.rows import bent_scores

        return bent_scores(self.step.model, self.examples, row, bound, steps)

    def read_mean(self, values: Tensor) -> Tensor:
        """This micro-batch's share of the mean over the tokens that `rows` gives; values: (N,)."""
        read = [len(each.ids) - 1 for each in self.examples]
        return self._weighed(values, read).sum() / sum(len(each.ids) - 1 for each in self.whole)

    def item_mean(self, values: Tensor) -> Tensor:
        """This micro-batch's share of the mean over the update's items; values: (n,)."""
        return self._weighed(values, [1] * len(self.examples)).sum() / len(self.whole)

    def token_mean(self, values: Tensor) -> Tensor:
        """This micro-batch's share of the mean over the update's answer tokens; values: (N,)."""
        said = [len(each.ids) - each.start for each in self.examples]
        total = sum(len(each.ids) - each.start for each in self.whole)
        return self._weighed(values, said).sum() / total

    def _weighed(self, values: Tensor, lengths: Sequence[int]) -> Tensor:
        """Values (lengths summed) times the weights of the examples that they are of."""
        if all(each.weight == 1.0 for each in self.examples):
            return values
        spread = [
            each.weight
            for each, length in zip(self.examples, lengths, strict=True)
            for _ in range(length)
        ]
        return values * values.new_tensor(spread)
