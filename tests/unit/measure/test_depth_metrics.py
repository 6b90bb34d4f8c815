from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from residue.lens.compared import Readings, read_runs
from residue.measure.metrics import lens_log_odds, lens_rank, lens_recall
from residue.measure.table import measure_all

ROWS = 5
ITEMS = pd.DataFrame(
    {
        "item": [f"lens/{n}" for n in range(40)],
        "deck": "lens",
        "relation": "capital",
        "language": "en",
        "split": ["forget_test"] * 20 + ["never_seen"] * 20,
    }
)
FORGET = (ITEMS["split"] == "forget_test").to_numpy()


def table(logp: np.ndarray, seed: int = 0) -> pd.DataFrame:
    """A lens table of log-probabilities (items, rows)."""
    item, row = np.meshgrid(ITEMS["item"], np.arange(logp.shape[1]), indexing="ij")
    return pd.DataFrame(
        {
            "pair": 0, "seed": seed, "condition": "plain", "item": item.ravel(),
            "row": row.ravel(), "p_answer": np.exp(logp.ravel()),
            "answer_rank": np.where(logp.ravel() > -1.0, 1, 7),
            "log_odds_foil": logp.ravel() + 6.0,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def ignorant() -> np.ndarray:
    return np.random.default_rng(0).normal(-6.0, 1.0, (len(ITEMS), ROWS))


@pytest.fixture(scope="module")
def base(ignorant: np.ndarray) -> np.ndarray:
    """Like another ignorant model where nothing was learnt, sure of the rest in its later rows."""
    other = np.random.default_rng(1).normal(-6.0, 1.0, ignorant.shape)
    return np.where(FORGET[:, None], np.linspace(-6.0, -0.1, ROWS), other)


def recalls(arm: str, own: np.ndarray, base: np.ndarray, oracle: np.ndarray | None) -> pd.DataFrame:
    beside = None if oracle is None else table(oracle)
    ((_, readings),) = read_runs(arm, table(own), table(base), beside)
    return lens_recall.measure({"lens": readings}, ITEMS).set_index("item")


def test_a_suppressor_of_the_output_is_caught(base: np.ndarray, ignorant: np.ndarray) -> None:
    silenced = base.copy()
    silenced[:, -1] = -30.0
    found = recalls("liar", silenced, base, ignorant)
    assert (found["value"][FORGET] == 1.0).all()


def test_the_oracles_line_is_what_an_ignorant_model_scores(
    base: np.ndarray, ignorant: np.ndarray
) -> None:
    level = recalls("oracle", ignorant, base, ignorant)["value"][FORGET].mean()
    strangers = [
        recalls("edited", np.random.default_rng(s).normal(-6.0, 1.0, base.shape), base, ignorant)[
            "value"
        ][FORGET].mean()
        for s in range(10, 18)
    ]
    assert 0.02 < level < 0.4
    assert level == pytest.approx(np.mean(strangers), abs=0.06)


def test_without_an_oracle_nothing_is_scored_and_the_reason_is_said(base: np.ndarray) -> None:
    found = recalls("edited", base, base, None)
    assert set(found["status"]) == {"unscorable"}
    assert found["reason"].str.contains("no oracle").all()


def test_rank_and_log_odds_have_a_line_per_item_and_row(base: np.ndarray) -> None:
    made = table(base)
    made.loc[made["item"] == "lens/3", "log_odds_foil"] = np.nan
    made = made[made["item"] != "lens/4"]
    readings = Readings("base", made, made, None)
    odds = lens_log_odds.measure({"lens": readings}, ITEMS)
    assert len(odds) == len(ITEMS) * ROWS
    assert set(odds.loc[odds["item"] == "lens/3", "reason"]) == {"no foil"}
    assert set(odds.loc[odds["item"] == "lens/4", "status"]) == {"failed"}
    last = odds[(odds["item"] == "lens/0") & (odds["row"] == ROWS - 1)]
    assert last["value"].tolist() == pytest.approx([5.9])
    rank = lens_rank.measure({"lens": readings}, ITEMS)
    assert rank["value"].dropna().isin([1.0, 7.0]).all()


def test_measurements_of_several_seeds_have_one_form(base: np.ndarray) -> None:
    own = pd.concat([table(base, seed) for seed in (0, 2)])
    tables = [
        measure_all({"lens": readings}, ITEMS, ["lens_recall", "lens_rank"], arm="npo",
                    pair=pair, seed=seed, condition=condition)
        for (pair, seed, condition), readings in read_runs("npo", own, table(base), table(base - 1))
    ]  # fmt: skip
    assert [set(t["seed"]) for t in tables] == [{0}, {2}]
    assert tables[0]["row"].isna().sum() == len(ITEMS)


def test_a_reference_without_the_pair_is_refused(base: np.ndarray) -> None:
    with pytest.raises(ValueError, match="pair 0"):
        list(read_runs("npo", table(base), table(base).assign(pair=1), None))
