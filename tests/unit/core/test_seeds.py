"""Seeds are stable, distinct and independent of any global generator."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from residue.core.seeds import derive

part = st.text(max_size=8) | st.integers()


@given(st.lists(part, min_size=1, max_size=4), st.lists(part, min_size=1, max_size=4))
def test_equal_parts_and_only_equal_parts_give_equal_seeds(
    one: list[str | int], two: list[str | int]
) -> None:
    assert 0 <= derive(*one) < 2**63
    assert (derive(*one) == derive(*two)) == (one == two)


def test_a_known_value_holds_on_every_machine() -> None:
    assert derive("train", 0) == derive("train", 0) != derive("train", "0")
    assert derive("residue", 1) == 2668406105516802171


def test_no_parts_is_an_error() -> None:
    with pytest.raises(ValueError, match="what the seed is for"):
        derive()
