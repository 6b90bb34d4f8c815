"""What an arm would say next: its final prediction at several temperatures, from records alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from residue.models.head import Head
    from residue.records.store import RowsFile

COLUMNS = ("item", "temperature", "entropy", "topk_ids", "topk_text", "topk_p")
ITEMS_AT_ONCE = 256


def final_predictions(
    rows: RowsFile,
    head: Head,
    temperatures: Sequence[float],
    top: int,
    text: Callable[[int], str],
) -> pd.DataFrame:
    """The likeliest next tokens after each item's prompt, and the entropy of the whole law (bits).

    The last row of the last prompt token goes through the model's own head; logits are divided by
    the temperature. text: a token's text, safe to show. One line per item and temperature, columns
    `COLUMNS`; of equally likely tokens the one with the lower id comes first.
    """
    import pandas as pd

    items, vectors = rows.read(max(rows.numbers), "last")
    lines: list[dict[str, object]] = []
    for start in range(0, len(items), ITEMS_AT_ONCE):
        logits = head.logits(vectors[start : start + ITEMS_AT_ONCE]).astype(np.float64)
        order = np.argsort(-logits, axis=-1, kind="stable")[:, :top]
        for temperature in temperatures:
            logp = _log_softmax(logits / temperature)
            entropy = -(np.exp(logp) * logp).sum(axis=-1) / np.log(2.0)
            for item, ids, law, bits in zip(
                items[start : start + ITEMS_AT_ONCE], order, logp, entropy, strict=True
            ):
                lines.append(
                    {
                        "item": item,
                        "temperature": temperature,
                        "entropy": bits,
                        "topk_ids": ids.astype(np.int32),
                        "topk_text": [text(int(token)) for token in ids],
                        "topk_p": np.exp(law[ids]).astype(np.float32),
                    }
                )
    return pd.DataFrame(lines, columns=list(COLUMNS))


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def stacked(parts: Iterable[tuple[tuple[int, int, str], pd.DataFrame]], arm: str) -> pd.DataFrame:
    """Tables of several (pair, seed, condition) of an arm as one, with these as first columns."""
    import pandas as pd

    keyed = []
    for (pair, seed, condition), table in parts:
        head = {"arm": arm, "pair": pair, "seed": seed, "condition": condition}
        keyed.append(pd.DataFrame(head, index=table.index).join(table))
    return pd.concat(keyed, ignore_index=True)
