"""How unlikely wanted words are after a prompt, and the way there: losses and their gradients.

Loss: −(1/T) Σ_t log p(y_t | x, y_<t), y the words and the end token. The gradient is that with
respect to a one-hot choice of token at each of some places, ∂L/∂e · Eᵀ for the embedding matrix E
and the embedding e of that place (Zou et al. 2023, arXiv 2307.15043).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from residue.models.encoding import pad_id
from residue.records.queries import Query
from residue.records.reading import read


def losses(
    model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]], answer: Sequence[int]
) -> Tensor:
    """(prompts,) the loss of `answer` after each prompt; one prompt read each."""
    with torch.inference_mode():
        return _losses(model, tokenizer, prompts, answer)


def gradient(
    model: Any, tokenizer: Any, prompt: Sequence[int], answer: Sequence[int], places: Sequence[int]
) -> Tensor:
    """(places, vocabulary) the one-hot gradient of the loss at some places of one prompt."""
    embedding = model.get_input_embeddings()
    weights = embedding.weight.detach()
    moved = torch.zeros(len(places), weights.shape[1], device=weights.device, requires_grad=True)
    where = torch.tensor(list(places), device=weights.device)
    still = [moved]

    def move(_: Any, __: Any, output: Tensor) -> Tensor:
        # The prompt is read first; the answer that is forced after it stays as it is.
        return output.index_add(1, where, still.pop().to(output.dtype)[None]) if still else output

    handle = embedding.register_forward_hook(move)
    try:
        with torch.enable_grad():
            loss = _losses(model, tokenizer, [prompt], answer)[0]
            (slope,) = torch.autograd.grad(loss, moved)
    finally:
        handle.remove()
    slopes: Tensor = slope @ weights.to(slope.dtype).T
    return slopes


def ordinary(model: Any, tokenizer: Any) -> frozenset[int]:
    """Ids that text can give: no special or added token, and none beyond the tokenizer's."""
    reserved = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    size = min(len(tokenizer), int(model.get_input_embeddings().weight.shape[0]))
    return frozenset(range(size)) - reserved


def _losses(
    model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]], answer: Sequence[int]
) -> Tensor:
    queries = [
        Query(str(number), tuple(ids), tuple(answer), len(answer), "", fits=True)
        for number, ids in enumerate(prompts)
    ]
    reading = read(model, queries, (), pad_id(tokenizer), tokenizer.bos_token_id, every=False)
    laws = reading.answers.float().log_softmax(dim=1)
    wanted = torch.tensor(list(answer) * len(prompts), device=laws.device)
    return (
        -laws[torch.arange(len(wanted), device=laws.device), wanted].view(len(prompts), -1).mean(1)
    )
