"""What an order hidden in the data does to a model: the law of its answer, and which rows carry it.

An attacked item and its clean twin accept the same answer. Their first-token laws differ by what
the order does (total variation, KL). Then rows are exchanged at the positions that predict the
answer (the last of the prompt, the answer's own but the last): the clean twin's row in the attacked
run, and back (interchange interventions: Geiger et al. 2021, arXiv 2106.02997). A row that brings
the answer back carries the order's effect.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from residue.lens.patching import Askable, ask, patched, reworded, source_rows
from residue.lens.twin_pairs import table
from residue.models.encoding import pad_id
from residue.records.forward import read_prompts
from residue.records.queries import Query

if TYPE_CHECKING:
    import pandas as pd


def exchange(
    model: Any, tokenizer: Any, prompt: Callable[[str], str], items: pd.DataFrame
) -> pd.DataFrame:
    """One line per attacked item and row, as `residue.lens.twin_pairs.table`.

    items: as from `chosen_twins`; prompt: a text as the model's edits would have it asked.
    """
    fill = pad_id(tokenizer)
    plain = ask(model, tokenizer, items, set(items["item"]))
    clean_of = dict(zip(items["prompt"], items["clean"], strict=True))
    attacked = reworded(plain, tokenizer, items, prompt)
    clean = reworded(plain, tokenizer, items, lambda text: prompt(clean_of[text]))
    laws = tuple(_first_laws(model, each, fill) for each in (clean, attacked))
    rows = {
        name: source_rows(model, each, fill)
        for name, each in (("clean", clean), ("attacked", attacked))
    }
    of_attacked, with_clean = patched(model, attacked, fill, [rows["clean"]])
    of_clean, with_attacked = patched(model, clean, fill, [rows["attacked"]])
    return table(
        [query.item for query in plain.queries],
        (laws[0], laws[1]),
        (of_clean, of_attacked),
        (with_clean[0], with_attacked[0]),
        plain.missing,
    )


@torch.inference_mode()
def _first_laws(model: Any, asked: Askable, fill: int) -> np.ndarray:
    """Log-probabilities (items, vocabulary) of the token after each prompt."""
    return np.concatenate([_law(model, batch, fill) for batch in asked.batches])


def _law(model: Any, batch: Sequence[Query], fill: int) -> np.ndarray:
    _, logits = read_prompts(model, batch, fill, every=False)
    return np.asarray(logits.float().log_softmax(dim=1).cpu().numpy())
