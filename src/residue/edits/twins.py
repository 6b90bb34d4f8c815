"""Terms over twins: one item clean and attacked, its answer's law and its representation.

An item's representation is a row at the last token of its prompt: the first token of the answer is
said from it, so it lies on the path to the output, where a pooled row or a side head would not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from residue.edits.terms import Keep, check_numbers, keep
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.answers import Scores
    from residue.edits.step import Answers, Step


class Ends(NamedTuple):
    """Twins, and the watched row at the last token of their prompts, (n, width or projection)."""

    clean: Answers
    attacked: Answers
    benign: Tensor
    """Of the clean twins."""
    injected: Tensor
    """Of the attacked ones."""

    def obeying(self, step: Step) -> Tensor:
        """Cosine of each attacked item with what the undefended model makes of the same prompt,
        from which it obeys, (n, 1)."""
        before = step.projected(first_rows(self.attacked.reference))
        return cosines(self.injected, before).diagonal()[:, None]


@dataclass(frozen=True)
class Contrasts:
    """Options and sum of the defences that tell an attacked item's representation from others."""

    row: int | None = None
    """Row of the representation; null takes the last, from which the answer is said."""
    contrast_weight: float = 1.0
    """Share of the contrast."""
    answer_weight: float = 1.0
    """Share of the loss of the right answers, attacked and clean."""
    keep_weight: float = 1.0
    """Share of the items that must stay as they are, a mean per answer token."""
    keep: Keep = "nll"
    """What holds them: ``nll``, their answers' loss; ``kl``, the divergence of the model before the
    edit from the model now."""
    projection: int = 0
    """Size of a linear projection that the representation is read through; 0 reads the row itself,
    which is on the path to the output."""

    ROLES: ClassVar[tuple[str, ...]] = ("twin", "keep")
    DATA: ClassVar[str] = "defence"
    views: ClassVar[dict[str, tuple[int, ...]]] = {"twin": (0, 1)}

    def __post_init__(self) -> None:
        check_numbers(self)

    def ends(self, step: Step) -> Ends:
        """The twins and their representations, of attacked items first."""
        step.watch(self.row)
        clean, attacked = step.twins
        injected = step.projected(first_rows(attacked.policy))
        return Ends(clean, attacked, step.projected(first_rows(clean.policy)), injected)

    def summed(self, step: Step, ends: Ends, contrast: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum of a contrast, answers and items to keep; its parts, and `collapse`."""
        answer = (nll(ends.attacked) + nll(ends.clean)) / 2
        kept = keep(step.kept, self.keep)
        total = (
            self.contrast_weight * contrast + self.answer_weight * answer + self.keep_weight * kept
        )
        parts = {"contrast": contrast, "answer": answer, "keep": kept}
        return total, {**parts, **collapse(ends.clean, ends.injected, ends.benign)}


def nll(answers: Answers) -> Tensor:
    """This micro-batch's share of the mean −log p per answer token, nats."""
    return answers.token_mean(-answers.policy.tokens)


def watched(scores: Scores) -> Tensor:
    """The watched row where each answer token is said, (N, width)."""
    return scores.watched


def first_rows(scores: Scores) -> Tensor:
    """The watched row at the last prompt token of each example, (n, width)."""
    import torch

    starts = torch.searchsorted(scores.rows, torch.arange(scores.n, device=scores.rows.device))
    return watched(scores)[starts]


def distance(rows: Tensor, anchor: Tensor) -> Tensor:
    """‖h − a‖² / ‖a‖² of each pair of rows, (N,): 0 where they are equal, 1 at the origin."""
    shares: Tensor = (rows - anchor).square().sum(dim=1) / anchor.square().sum(dim=1)
    return shares


def cosines(rows: Tensor, others: Tensor) -> Tensor:
    """Cosine of every row with every other, (n, m)."""
    return _unit(rows) @ _unit(others).T


def same_data(answers: Answers) -> Tensor:
    """Pairs that are no negatives of each other, (n, n) bool: equal prompts or equal answers.

    Two items with one right answer may well share a representation; the diagonal is such a pair.
    """
    import torch

    texts = [(e.ids[: e.start], e.ids[e.start :]) for e in answers.examples]
    pairs = [[a[0] == b[0] or a[1] == b[1] for b in texts] for a in texts]
    return torch.tensor(pairs, dtype=torch.bool).reshape(len(texts), len(texts))


def info_nce(
    similar: Tensor, same: Tensor, temperature: float, hard: Tensor | None = None
) -> Tensor:
    """−log of the share that its own twin has among all candidates, each item's, (n,), nats.

    van den Oord et al. 2018, arXiv 1807.03748: similar (n, n), cosine of item i with the clean row
    of item j; the diagonal is the positive, `same` (n, n) are left out, `hard` (n, m) are further
    negatives. At least 0, and at most log of the candidates where all are alike.
    """
    import torch

    own = similar.diagonal()
    others = similar.masked_fill(same.to(similar.device), -torch.inf)
    columns = [own[:, None], others] + ([] if hard is None else [hard])
    logits = torch.cat(columns, dim=1) / temperature
    return logits.logsumexp(dim=1) - own / temperature


def collapse(answers: Answers, rows: Tensor, clean: Tensor) -> dict[str, Tensor]:
    """Two numbers that a collapsed representation cannot have, as shares of means over the update.

    retrieval: share of attacked items whose nearest clean row is their own twin's, ties lost, among
    items with other data; rank: effective rank of the clean rows (`effective_rank`), at most the
    items at once.
    """
    import torch

    with torch.no_grad():
        similar = cosines(rows.detach(), clean.detach())
        rivals = similar.masked_fill(same_data(answers).to(similar.device), -torch.inf)
        if similar.shape[0] == 0:
            nothing = rows.new_zeros(0)
            return {"retrieval": answers.item_mean(nothing), "rank": answers.item_mean(nothing)}
        won = (similar.diagonal() > rivals.max(dim=1).values + 1e-6).to(rows.dtype)
        rank = effective_rank(clean.detach())
        return {
            "retrieval": answers.item_mean(won),
            "rank": answers.item_mean(rank.expand(len(rows))),
        }


def effective_rank(rows: Tensor) -> Tensor:
    """exp of the entropy of the shares of variance along the principal axes (Roy & Vetterli 2007).

    rows: (n, width), centred here; 1 where they lie on a line or in one point, at most n − 1.
    """
    import torch

    centred = rows - rows.mean(dim=0)
    values = torch.linalg.svdvals(centred.to(torch.promote_types(rows.dtype, torch.float32)))
    variances = values.square()
    total = variances.sum()
    if total <= 1e-12 * rows.square().sum().clamp_min(1e-30):
        return rows.new_ones(())
    shares = (variances / total).clamp_min(1e-30)
    rank: Tensor = (-(shares * shares.log()).sum()).exp()
    return rank.to(rows.dtype)


def hardest(similar: Tensor, same: Tensor, hard: Sequence[Tensor] = ()) -> Tensor:
    """Largest cosine with a negative, (n,); −1 where an item has none."""
    import torch

    columns: list[Any] = [similar.masked_fill(same.to(similar.device), -1.0), *hard]
    return torch.cat(columns, dim=1).max(dim=1).values


def check_temperature(value: float) -> None:
    """`SpecError` for a τ outside 0.01 to 1: below, the softmax is a maximum; above, it is flat."""
    if not 0.01 <= value <= 1:
        raise SpecError("temperature", "must lie between 0.01 and 1.")


def _unit(rows: Tensor) -> Tensor:
    from torch.nn.functional import normalize

    return normalize(rows, dim=1)
