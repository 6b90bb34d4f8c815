"""What a defence is trained on: each item clean and attacked, and items that must stay as they are."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from residue.edits.answers import encode
from residue.edits.batches import Views

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)


def defence_pools(
    tokenizer: Any, data: pd.DataFrame, longest: int | None = None
) -> dict[str, list[Views]]:
    """Defence data by set: three views of a twin, one of an item to keep; see data-formats.

    longest: tokens that the model takes. No text is ever cut: an item with a longer view is left
    out and counted in the log; where a whole set would go, `ValueError`.
    """
    found: dict[str, list[Views]] = {name: [] for name in dict.fromkeys(data["set"])}
    left_out = 0
    for row in data.to_dict("records"):
        views = _views(tokenizer, {str(key): value for key, value in row.items()})
        if longest is not None and max(len(view.ids) for view in views) > longest:
            left_out += 1
            continue
        found[str(row["set"])].append(views)
    if left_out:
        logger.warning(
            "%d of %d items of the defence data are left out: longer than the %d tokens that the "
            "model takes",
            left_out,
            len(data),
            longest,
        )
    for name, items in found.items():
        if not items:
            raise ValueError(
                f"every {name} item of the defence data is longer than the {longest} tokens that "
                "the model takes; shorten them"
            )
    return found


def _views(tokenizer: Any, row: Mapping[str, Any]) -> Views:
    item, answer = str(row["item"]), str(row["answer"])
    clean = encode(tokenizer, item, str(row["prompt"]), answer)
    if not row["attacked"]:
        return (clean,)
    attacked = str(row["attacked"])
    return (
        clean,
        encode(tokenizer, item, attacked, answer),
        encode(tokenizer, item, attacked, str(row["hidden_answer"])),
    )
