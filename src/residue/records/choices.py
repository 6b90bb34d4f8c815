"""Which of a few labels a model would give: a law over them, and never its own words.

For prompt x and labels y_1 … y_k it is softmax_j log p(y_j | x), with log p summed over the label's
tokens and no end token, so that a label which could go on is not held against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from residue.models.chat import prompt_ids
from residue.models.encoding import encode_answers, encode_prompt, pad_id
from residue.records.forward import force_answers, read_prompts
from residue.records.queries import Query
from residue.world.grammar import DATA, instruction_prompt, without_channel_tokens

AT_ONCE = 16
"""Prompts read together."""


def question_ids(tokenizer: Any, order: str, data: str) -> list[int]:
    """Ids of a trusted order on data from anyone: by channel tokens or the chat template where the
    tokenizer has them, else as paragraphs. Reserved tokens in the data are filtered."""
    if getattr(tokenizer, "chat_template", None) or DATA in tokenizer.get_vocab():
        return prompt_ids(tokenizer, instruction_prompt(order, data))
    return encode_prompt(tokenizer, f"{order}\n\n{without_channel_tokens(data)}\n\nAnswer:")


@torch.inference_mode()
def label_laws(
    model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]], labels: Sequence[str]
) -> NDArray[np.float64]:
    """Laws over the labels, (prompts, labels); NaN where the model's logits are not finite, or
    where prompt and label are longer than it reads."""
    fill = pad_id(tokenizer)
    endings = [ids[:-1] for ids in encode_answers(tokenizer, labels)]
    context = getattr(model.config, "max_position_embeddings", None)
    room = None if context is None else context - max(map(len, endings)) + 1
    laws = np.full((len(prompts), len(labels)), np.nan)
    fit = [n for n, prompt in enumerate(prompts) if room is None or len(prompt) <= room]
    # Alike in length together: padding costs the least, and changes no number.
    fit.sort(key=lambda n: (len(prompts[n]), n))
    for begin in range(0, len(fit), AT_ONCE):
        chosen = fit[begin : begin + AT_ONCE]
        queries = [Query("", tuple(prompts[n]), (), 0, "", True) for n in chosen]
        read, ends = read_prompts(model, queries, fill, every=False)
        first = ends.float().log_softmax(dim=1)
        logs = []
        for ending in endings:
            total = first[:, ending[0]]
            if len(ending) > 1:
                later = force_answers(model, read, [ending[:-1]] * len(chosen), fill)
                said = later.float().log_softmax(dim=1).unflatten(0, (len(chosen), -1))
                ids = torch.tensor(ending[1:], device=said.device).expand(len(chosen), -1)
                total = total + said.gather(2, ids[..., None])[..., 0].sum(dim=1)
            logs.append(total)
        laws[chosen] = torch.stack(logs, dim=1).softmax(dim=1).double().cpu().numpy()
    return laws
