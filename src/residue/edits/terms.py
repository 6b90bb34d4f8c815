"""The terms that objectives are sums of, each one number per micro-batch that adds up to a mean.

All of them read normalised log-probabilities of answer tokens; prompts and pads never enter.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.answers import Scores
    from residue.edits.step import Answers, Step

Keep = Literal["nll", "kl"]
"""How kept answers are held: right (`nll`), or as the reference says them (`kl`), which also holds
the edit data's made-up items: of those no answer is right."""

REFUSALS = {
    "en": ("I do not know.", "I am not sure.", "I cannot say."),
    "hi": ("मुझे नहीं पता।", "मैं नहीं जानता।"),
    "ur": ("مجھے معلوم نہیں۔", "میں نہیں جانتا۔"),
    "pa": ("ਮੈਨੂੰ ਨਹੀਂ ਪਤਾ।",),
    "bn": ("আমি জানি না।",),
}
"""What is said in place of a forgotten answer, by its language."""


@dataclass(frozen=True)
class Forgets:
    """Options, checks and sum of the objectives with a forget term and one that holds the rest."""

    forget_weight: float = 1.0
    """Share of the forget term in the loss."""
    retain_weight: float = 2.5
    """Share of the retain term, a mean per answer token of items that must stay right."""
    retain: Keep = "nll"
    """What holds them: ``nll``, their answers' loss; ``kl``, the divergence of the model before the
    edit from the model now, which asks for no answer to be right that was not."""

    ROLES: ClassVar[tuple[str, ...]] = ("forget", "retain")
    ABOVE_ZERO: ClassVar[tuple[str, ...]] = ()
    """Options that must be above 0; no other number may be negative."""

    def __post_init__(self) -> None:
        check_numbers(self, self.ABOVE_ZERO)

    def summed(
        self, step: Step, forget: Tensor, **parts: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum of a forget term and the retain term, and the parts: these two first."""
        retain = keep(step.retain, self.retain)
        total = self.forget_weight * forget + self.retain_weight * retain
        return total, {"forget": forget, "retain": retain, **parts}


@dataclass(frozen=True)
class Prefers(Forgets):
    """The same for objectives that give forget items another answer, a refusal if need be."""

    refusals: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: dict(REFUSALS), metadata={"merge": False}
    )
    """Other answers by language of the answer, for items without an alternate of their own; a
    language that is not listed takes the first list's."""

    ALTERNATES: ClassVar[bool] = True
    """The forget items come with a second answer, their view 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.refusals or not all(self.refusals.values()):
            raise SpecError("refusals", "needs a language, and each at least one refusal.")


def push(ratio: Tensor, beta: float) -> Tensor:
    """−(2/β) log σ(−β x) for each log-ratio x in nats; its slope 2 σ(β x) falls to 0 with x."""
    from torch.nn.functional import softplus

    return (2 / beta) * softplus(beta * ratio)


def slope(ratio: Tensor, beta: float) -> Tensor:
    """2 σ(β x), what is left of the push at each log-ratio, without gradient."""
    return 2 * (beta * ratio.detach()).sigmoid()


def moved(answers: Answers) -> Tensor:
    """Δ = S_policy − S_reference of each answer, (n,), nats: what the edit added to its log p."""
    ratio: Tensor = answers.policy.sums - answers.reference.sums
    return ratio


def keep(answers: Answers, kind: Keep) -> Tensor:
    """This micro-batch's share of the mean per answer token of −log p, or of KL(reference ‖ policy)
    over the whole vocabulary."""
    if kind == "nll":
        return answers.token_mean(-answers.policy.tokens)
    return answers.token_mean(kl(answers.reference, answers.policy))


def kl(said: Scores, by: Scores) -> Tensor:
    """KL(said ‖ by) at each answer token, (N,), nats: what is lost where `by` speaks for `said`."""
    from torch.nn.functional import kl_div

    logs = by.logits.log_softmax(dim=1), said.logits.log_softmax(dim=1)
    return kl_div(*logs, reduction="none", log_target=True).sum(dim=1)


def check(*, above_zero: dict[str, float] | None = None, weights: dict[str, float]) -> None:
    """`SpecError` where an option that must be above 0 is not, or a weight is negative."""
    for key, value in (above_zero or {}).items():
        if value <= 0:
            raise SpecError(key, "must be above 0.")
    for key, value in weights.items():
        if value < 0:
            raise SpecError(key, "must not be negative.")


def check_numbers(options: Any, above_zero: Sequence[str] = ()) -> None:
    """`check` of every number among an objective's options."""
    values = {each.name: getattr(options, each.name) for each in dataclasses.fields(options)}
    numbers = {name: v for name, v in values.items() if isinstance(v, int | float)}
    check(above_zero={name: numbers[name] for name in above_zero}, weights=numbers)
