from __future__ import annotations

import numpy as np
import pytest

from residue.lens.predictions import final_predictions, stacked

LOGITS = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]))


class Rows:
    numbers = (0, 1)

    def read(self, row: int, place: str) -> tuple[list[str], np.ndarray]:
        assert (row, place) == (1, "last")
        return ["a", "b"], LOGITS


class Head:
    def logits(self, rows: np.ndarray) -> np.ndarray:
        return rows


def predicted(*temperatures: float, top: int = 2):  # type: ignore[no-untyped-def]
    return final_predictions(Rows(), Head(), temperatures, top, str)  # type: ignore[arg-type]


def test_at_temperature_one_the_law_is_the_models_own() -> None:
    table = predicted(1.0).set_index("item")
    assert table.at["a", "entropy"] == pytest.approx(1.5)
    assert table.at["a", "topk_p"] == pytest.approx([0.5, 0.25])
    # Ties in the order of the ids.
    assert list(table.at["a", "topk_ids"]) == [0, 1]
    assert table.at["b", "topk_text"] == ["2", "0"]


def test_heat_flattens_and_cold_decides() -> None:
    table = predicted(1e-3, 1e6)
    cold, hot = (table[table["temperature"] == t] for t in (1e-3, 1e6))
    assert cold["entropy"].to_numpy() == pytest.approx(0.0, abs=1e-9)
    assert hot["entropy"].to_numpy() == pytest.approx(np.log2(3))
    assert [list(ids) for ids in cold["topk_ids"]] == [list(ids) for ids in hot["topk_ids"]]


def test_parts_keep_their_keys() -> None:
    table = stacked((((0, seed, "plain"), predicted(1.0)) for seed in (0, 1)), "npo")
    assert table[["arm", "pair", "condition"]].drop_duplicates().to_numpy().tolist() == [
        ["npo", 0, "plain"]
    ]
    assert table["seed"].tolist() == [0, 0, 1, 1]
