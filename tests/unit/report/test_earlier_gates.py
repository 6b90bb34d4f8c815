"""The gates of an earlier system, as `config/language.yaml` states them, on arms whose answer is
known: a copy of the base, a model without a word, one that lost the language alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from residue.report.claims import claims
from residue.report.estimates import estimates
from residue.specs.plan import read_config

FILE = Path(__file__).resolve().parents[3] / "config" / "language.yaml"
COUNTRIES = 60
LEVELS = {  # metric: of the base, of a destroyed model, of one that lost Hindi alone
    "language_by_script": (1.0, 0.0, 0.0),
    "language_probability": (1.0, 0.0, 0.0),
    "perplexity": (0.1, 6.0, 0.1),
    "kl_from_base": (0.0, 6.0, 0.01),
    "script_leak": (0.0, 0.0, 0.0),
    "degeneration": (0.0, 1.0, 0.0),
}
SPLITS = {"forget_test": "hi", "retain_touched": "en", "retain_untouched": "en"}


def items() -> pd.DataFrame:
    styles = [("seen", "plain"), ("seen", "mixed_language"), ("changed", "diluted")]
    rows = [
        {
            "item": f"{split}/{country}/{style}", "country": f"{split}-{country}", "split": split,
            "language": language, "family": family, "style": style, "requested": language == "hi",
        }
        for split, language in SPLITS.items()
        for country in range(COUNTRIES)
        for family, style in styles
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def verdicts() -> dict[tuple[str, str], str]:
    config = read_config(yaml.safe_load(FILE.read_text(encoding="utf-8"))).config
    gates = {name: c for name, c in config.claims.items() if c.family == "earlier_gates"}
    asked = items()
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for place, arm in enumerate(("base", "wrecked", "forgot", "copy")):
        for metric, levels in LEVELS.items():
            level = levels[place % 3]
            # Nats have no bounds: where none differs at all, nothing says what a next one would.
            noise = rng.random(len(asked)) * 0.01 * (metric in ("perplexity", "kl_from_base"))
            rows += [
                {"metric": metric, "arm": arm, "pair": 0, "seed": 0, "condition": "plain",
                 "row": None, "weight": 1.0, "status": "ok", "reason": "", "item": item,
                 "value": value}
                for item, value in zip(asked["item"], level + noise, strict=True)
            ]  # fmt: skip
    known = asked[["item"]].assign(pair=0, known=True)
    estimands = {gate.estimand: config.estimands[gate.estimand] for gate in gates.values()}
    columns = asked.assign(**dict.fromkeys(("relation", "group"), ""))
    made = estimates(
        pd.DataFrame(rows), columns, known, estimands, config.statistics, judged=list(estimands)
    )
    decided = claims(made, gates)
    return {(row["arm"], row["claim"]): row["verdict"] for row in decided.to_dict("records")}


def test_a_copy_of_the_base_has_lost_nothing_and_spares_everything(verdicts) -> None:
    for gate in ("g1_script", "g1s_any_script", "g3_mixed", "g3s_mixed", "g7_forms"):
        assert verdicts["copy", gate] == "refuted"
    for gate in ("g2_perplexity", "g2_divergence", "g5_no_leak", "g5_neighbours"):
        assert verdicts["copy", gate] == "supported"


def test_a_destroyed_model_passes_the_first_gate_and_fails_those_of_damage(verdicts) -> None:
    assert verdicts["wrecked", "g1_script"] == "supported"
    for gate in ("g2_perplexity", "g2_divergence", "g5_neighbours", "g8_whole"):
        assert verdicts["wrecked", gate] == "refuted"


def test_what_lost_the_language_alone_passes_all_that_countries_can_decide(verdicts) -> None:
    for gate in ("g1_script", "g3_mixed", "g7_forms", "g2_perplexity", "g5_no_leak"):
        assert verdicts["forgot", gate] == "supported"
    # Two in a hundred: 120 countries without one degenerate reply leave 3.03 open.
    assert verdicts["forgot", "g8_whole"] == "inconclusive"


def test_what_was_not_measured_is_open_and_never_passed(verdicts) -> None:
    for gate in ("g4_not_moved", "g6_membership"):
        assert verdicts["forgot", gate] == "inconclusive"
