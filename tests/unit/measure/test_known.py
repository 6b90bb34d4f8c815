"""The base-knows filter never looks at the template that it admits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from residue.measure.known import find_known
from residue.specs.fields import SpecError, load
from residue.specs.measures import KnownSpec, MeasuresSpec


def deck(make_items: Any) -> pd.DataFrame:
    return make_items(
        {"item": "pe-1", "template": "t1"},
        {"item": "pe-2", "template": "t2"},
        {"item": "pe-3", "template": "t3", "split": "retain"},
        {"item": "pe-mixed", "template": "t1", "style": "mixed_language"},
        {"item": "ke-1", "template": "t1", "country": "KE"},
        {"item": "ke-1-again", "template": "t1", "country": "KE"},
    )


def answers(values: dict[str, float], status: dict[str, str] | None = None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "metric": "exact_answer",
            "item": list(values),
            "value": list(values.values()),
            "status": [(status or {}).get(item, "ok") for item in values],
        }
    )


ALL = dict.fromkeys(["pe-1", "pe-2", "pe-3", "pe-mixed", "ke-1", "ke-1-again"], 1.0)


def verdicts(known: pd.DataFrame) -> dict[str, bool]:
    return dict(zip(known["item"], known["known"].tolist(), strict=True))


def test_a_fact_is_known_by_its_other_templates(make_items: Any) -> None:
    found = find_known(answers(ALL | {"pe-2": 0.0}), deck(make_items), KnownSpec())
    # t2 is wrong: only the items in t2 itself do not see it.
    assert verdicts(found) == {
        "pe-1": False,
        "pe-2": True,
        "pe-3": False,
        "pe-mixed": False,
        "ke-1": False,
        "ke-1-again": False,  # the same template is no evidence, and there is no other
    }
    table = found.set_index("item")
    assert table.loc["pe-1", ["n_other", "n_right"]].tolist() == [2, 1]
    assert table.loc["pe-mixed", ["n_other", "n_right"]].tolist() == [2, 1]
    assert table.loc["ke-1", ["n_other", "n_right"]].tolist() == [0, 0]


def test_its_own_value_never_decides_an_item(make_items: Any) -> None:
    rng = np.random.default_rng(0)
    items = deck(make_items)
    for _ in range(4):
        values = {item: float(rng.integers(2)) for item in ALL}
        before = verdicts(find_known(answers(values), items, KnownSpec(share=0.5)))
        for item in ALL:
            template = items.set_index("item").loc[item, "template"]
            same = items[items["template"] == template]["item"]
            flipped = values | {other: 1.0 - values[other] for other in same}
            after = verdicts(find_known(answers(flipped), items, KnownSpec(share=0.5)))
            assert after[item] == before[item]


def test_the_share_and_the_least_number_decide(make_items: Any) -> None:
    base = answers(ALL | {"pe-2": 0.0})
    half = verdicts(find_known(base, deck(make_items), KnownSpec(share=0.5)))
    assert half["pe-1"]
    assert half["pe-3"]
    strict = verdicts(find_known(answers(ALL), deck(make_items), KnownSpec(least=3)))
    assert not any(strict.values())


def test_unscored_items_are_no_evidence(make_items: Any) -> None:
    base = answers(ALL, {"pe-2": "unscorable"})
    found = find_known(base, deck(make_items), KnownSpec()).set_index("item")
    assert found.loc["pe-1", "n_other"] == 1
    assert found.loc["pe-2", "n_other"] == 2


def test_the_log_says_what_is_left(make_items: Any, caplog: pytest.LogCaptureFixture) -> None:
    items = deck(make_items)
    with caplog.at_level("INFO"):
        find_known(answers(ALL), items, KnownSpec())
    assert "knows 4 of 6 items" in caplog.text
    assert "2 items have fewer than 1 in other templates" in caplog.text


def test_faults_are_named(make_items: Any) -> None:
    other = answers(ALL).assign(metric="perplexity")
    with pytest.raises(ValueError, match="lack exact_answer"):
        find_known(other, deck(make_items), KnownSpec())
    for section, key in (
        ({"known": {"share": 0.0}}, "measures.known.share"),
        ({"known": {"least": -1}}, "measures.known.least"),
        ({"metrics": {"facts": ["perplexity"]}}, "measures.metrics.facts"),
        ({"metrics": {"orders": ["orders_obeyed"] * 2}}, "measures.metrics.orders"),
    ):
        with pytest.raises(SpecError) as fault:
            load(MeasuresSpec, section, "measures")
        assert fault.value.key == key
