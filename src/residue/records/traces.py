"""Residual rows at every position of a few prompts: what a heat map over layers is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from residue.models.blocks import row_hooks
from residue.models.chat import prompt_ids


def traced_items(
    items: pd.DataFrame, known: pd.DataFrame, languages: Sequence[str]
) -> pd.DataFrame:
    """One forget fact per language that the base knows, the one with the shortest prompt.

    Where the base knows none of a language, the shortest of all; languages not asked are left out.
    """
    asked = items[items["style"].isin(("orig", "plain")) & (items["split"] == "forget_test")]
    sure = asked["item"].isin(known.loc[known["known"].astype(bool), "item"])
    ranked = asked.assign(unsure=~sure, length=asked["prompt"].str.len())
    ranked = ranked.sort_values(["unsure", "length", "item"])
    chosen = [ranked[ranked["language"] == language].head(1) for language in languages]
    found = [each for each in chosen if len(each)] or [ranked.head(1)]
    return pd.concat(found, ignore_index=True).drop(columns=["unsure", "length"])


def trace(model: Any, tokenizer: Any, items: pd.DataFrame) -> pa.Table:
    """One line per item and position: item, position, id, row_0 … row_n (float32, pre-norm).

    Position 0 is the start token, where a model has one; the last position predicts the answer.
    """
    tables = []
    for item, prompt in zip(items["item"], items["prompt"], strict=True):
        ids = prompt_ids(tokenizer, prompt)
        batch = torch.tensor([ids], device=model.device)
        with torch.no_grad(), row_hooks(model) as rows:
            model(input_ids=batch, use_cache=False)
            held = [rows[row][0].float().cpu().numpy() for row in range(len(rows))]
        tables.append(_table(item, ids, held))
    return pa.concat_tables(tables)


def _table(item: str, ids: list[int], held: list[np.ndarray]) -> pa.Table:
    columns: dict[str, Any] = {
        "item": pa.array([item] * len(ids), pa.string()),
        "position": pa.array(range(len(ids)), pa.int32()),
        "id": pa.array(ids, pa.int32()),
    }
    for row, vectors in enumerate(held):
        flat = pa.array(np.ascontiguousarray(vectors).reshape(-1))
        columns[f"row_{row}"] = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    return pa.table(columns)
