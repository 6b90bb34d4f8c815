"""The terms that objectives are sums of, each one number per micro-batch that adds up to a mean.

All of them read normalised log-probabilities of answer tokens; prompts and pads never enter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.answers import Scores
    from residue.edits.step import Answers

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


def push(ratio: Tensor, beta: float) -> Tensor:
    """−(2/β) log σ(−β x) for each log-ratio x in nats; its slope 2 σ(β x) falls to 0 with x."""
    from torch.nn.functional import softplus

    return (2 / beta) * softplus(beta * ratio)


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


def check_refusals(refusals: dict[str, tuple[str, ...]]) -> None:
    """`SpecError` where there is no refusal to take."""
    if not refusals or not all(refusals.values()):
        raise SpecError("refusals", "needs a language, and each at least one refusal.")
