from __future__ import annotations

import pytest

from residue.specs.fields import SpecError, load
from residue.specs.statistics import StatisticsSpec


@pytest.mark.parametrize(
    ("key", "value"),
    [("level", 0.0), ("level", 1.0), ("level", 95.0), ("n_bootstrap", 10), ("seed", -1)],
)
def test_impossible_settings_name_their_key(key: str, value: float) -> None:
    with pytest.raises(SpecError, match=f"statistics.{key}"):
        load(StatisticsSpec, {key: value}, "statistics")
