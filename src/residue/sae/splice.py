"""SAEs inside the live base: what its reconstruction costs, and what the text pulls on its row.

Both act where row l is read: on the input of block l, or of the final norm for the last row. The
first position is left alone: streams leave it out, and its norm dwarfs the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from residue.models.blocks import describe
from residue.models.encoding import Padded, pad_batch

AT_ONCE = 64
"""Texts forwarded at once; speed and memory only."""
ZERO = "zero"
"""Name of the edit that puts zeros in the row's place; no SAE is called so."""

Edit = Callable[[Tensor], Tensor]
"""Row (batch, position, width) → what takes its place."""


@contextmanager
def spliced(model: Any, row: int, edit: Edit) -> Iterator[None]:
    """Let `edit` replace a row at all positions but the first, for a while."""
    architecture = describe(model)
    places = [*architecture.blocks, architecture.final_norm]

    def put(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        h = args[0] if args else kwargs["hidden_states"]
        made = torch.cat([h[:, :1], edit(h)[:, 1:]], dim=1)
        return ((made, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": made})

    handle = places[row].register_forward_pre_hook(put, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def spliced_scores(
    model: Any, texts: Sequence[Sequence[int]], row: int, saes: Mapping[str, Edit], fill: int
) -> tuple[dict[str, dict[str, float]], int]:
    """Per SAE how much of the model survives its reconstruction; and the number of predictions.

    ce_score (CE_zero − CE_sae)/(CE_zero − CE_clean) and kl_score (KL_zero − KL_sae)/KL_zero, KL of
    the clean law to the spliced one, against zeros in the row's place: 1 is nothing lost. ce_clean,
    ce_sae, kl_sae in nats per prediction. texts: ids with their start token, which alone predicts
    nothing here. saes: name → reconstruction of row (batch, position, width).
    """
    edits: dict[str, Edit] = {ZERO: torch.zeros_like, **saes}
    clean_ce, predictions = 0.0, 0
    ce, kl = dict.fromkeys(edits, 0.0), dict.fromkeys(edits, 0.0)
    with torch.no_grad():
        for batch in _batches(texts, fill, model.device):
            targets, real = batch.ids[:, 2:, None], batch.mask[:, 2:].bool()
            clean = _laws(model, batch)
            clean_ce -= float(clean.gather(-1, targets)[real].double().sum())
            predictions += int(real.sum())
            for name, edit in edits.items():
                with spliced(model, row, edit):
                    law = _laws(model, batch)
                ce[name] -= float(law.gather(-1, targets)[real].double().sum())
                kl[name] += float((clean.exp() * (clean - law)).sum(-1)[real].double().sum())
    if not predictions:
        raise ValueError("no held-out text has two tokens after its start; record longer texts")
    made = {
        name: {
            "ce_score": (ce[ZERO] - ce[name]) / (ce[ZERO] - clean_ce),
            "kl_score": (kl[ZERO] - kl[name]) / kl[ZERO],
            "ce_clean": clean_ce / predictions,
            "ce_sae": ce[name] / predictions,
            "kl_sae": kl[name] / predictions,
        }
        for name in saes
    }
    return made, predictions


def pulls(
    model: Any, texts: Sequence[Sequence[int]], row: int, fill: int
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Per text its number, its vectors h at a row and ∂ log p(text)/∂h, both (tokens, width).

    log p: of all tokens after the first two, summed over the text, so that the gradient at a token
    holds what every later token owes to it. The start token is left out of both.
    """
    for start in range(0, len(texts), AT_ONCE):
        batch = pad_batch(texts[start : start + AT_ONCE], fill, device=model.device)
        kept: list[Tensor] = []

        def leaf(h: Tensor, kept: list[Tensor] = kept) -> Tensor:
            kept.append(h.detach().requires_grad_())
            return kept[0]

        with torch.enable_grad(), spliced(model, row, leaf):
            law = _laws(model, batch)
            picked = law.gather(-1, batch.ids[:, 2:, None])[..., 0]
            (gradient,) = torch.autograd.grad((picked * batch.mask[:, 2:]).sum(), kept[0])
        for place, length in enumerate(batch.lengths):
            h = kept[0][place, 1:length].detach().float().cpu().numpy()
            yield start + place, h, gradient[place, 1:length].float().cpu().numpy()


def _batches(texts: Sequence[Sequence[int]], fill: int, device: Any) -> Iterator[Padded]:
    """Batches of texts of similar length; texts without a prediction are left out."""
    long = sorted((text for text in texts if len(text) > 2), key=len)
    for start in range(0, len(long), AT_ONCE):
        yield pad_batch(long[start : start + AT_ONCE], fill, device=device)


def _laws(model: Any, batch: Padded) -> Tensor:
    """Log-probabilities after each position but the first and last, (batch, length − 2, tokens)."""
    logits: Tensor = model(**batch.inputs(), use_cache=False).logits
    return logits[:, 1:-1].float().log_softmax(-1)
