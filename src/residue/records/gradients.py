"""How hard each answer pulls on the model's weights: the norm of the gradient of its loss.

‖∇_θ ℓ‖₂ with ℓ = −mean log p over the tokens of the first accepted answer and the end token, θ the
model's own weights as they act, edits in place. Text that was trained on lies near a minimum of its
loss and pulls little (GradNorm, Wang et al. 2024, arXiv 2402.17012).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from residue.records.queries import Query, make_queries
from residue.specs.records import RecordsSpec

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

NO_ANSWER = "no accepted answer"


def gradient_norms(
    model: Any,
    tokenizer: Any,
    items: pd.DataFrame,
    weights: Sequence[Tensor],
    *,
    prefill: int = 0,
) -> pd.DataFrame:
    """One line per item, by name: item, norm, loss (nats per token), tokens, reason.

    items: item, prompt, answers; weights: those that the gradient is taken of, which must be
    floats; prefill: as in `recorder.record`. One item is passed at a time, forwards and backwards,
    so memory holds one gradient. Where there is no answer, or it is too long, norm and loss are NaN
    and the reason says so.
    """
    import numpy as np
    import pandas as pd

    context = getattr(model.config, "max_position_embeddings", None)
    queries = make_queries(tokenizer, items, RecordsSpec(), context, prefill)
    kept = [weight for weight in weights if weight.is_floating_point()]
    flags = [weight.requires_grad for weight in kept]
    for weight in kept:
        weight.requires_grad_(True)
    try:
        lines = [(query, *_pull(model, query, kept)) for query in queries]
    finally:
        for weight, flag in zip(kept, flags, strict=True):
            weight.requires_grad_(flag)
    lines.sort(key=lambda line: line[0].item)
    return pd.DataFrame(
        {
            "item": pd.Series([query.item for query, *_ in lines], dtype="str"),
            "norm": np.array([norm for _, norm, _ in lines], np.float64),
            "loss": np.array([loss for _, _, loss in lines], np.float64),
            "tokens": np.array([len(query.answer) for query, *_ in lines], np.int32),
            "reason": pd.Series([_reason(query) for query, *_ in lines], dtype="str"),
        }
    )


def gradient_norm(
    model: Any, prompt: Sequence[int], answer: Sequence[int], weights: Sequence[Tensor]
) -> tuple[float, float]:
    """‖∇ℓ‖₂ over all weights together, and ℓ; prompt and answer in ids, neither empty."""
    import torch

    device = weights[0].device
    ids = torch.tensor([[*prompt, *answer[:-1]]], device=device)
    targets = torch.tensor(answer, device=device)
    with torch.enable_grad():
        logits = model(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 :]
        wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
        loss = torch.nn.functional.cross_entropy(wide, targets)
        grads = torch.autograd.grad(loss, weights, allow_unused=True)
    squares = [float(grad.double().square().sum()) for grad in grads if grad is not None]
    return sum(squares) ** 0.5, float(loss.detach())


def _pull(model: Any, query: Query, weights: Sequence[Tensor]) -> tuple[float, float]:
    if _reason(query):
        return float("nan"), float("nan")
    return gradient_norm(model, query.prompt, query.answer, weights)


def _reason(query: Query) -> str:
    if not query.answer:
        return NO_ANSWER
    return "" if query.fits else query.reason
