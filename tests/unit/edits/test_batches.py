"""Batches are a function of seed and update; micro-batches part them without loss."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from residue.edits.answers import Example
from residue.edits.batches import Batches, micro_batches


def pool(n: int, views: int = 1) -> list[tuple[Example, ...]]:
    return [tuple(Example(f"{i}", (1, i + 3, 2), 1) for _ in range(views)) for i in range(n)]


@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 5))
def test_over_whole_epochs_every_item_is_seen_equally_often(n: int, size: int, seed: int) -> None:
    batches = Batches({"forget": pool(n)}, {"forget": size}, seed)
    drawn = Counter(views[0].item for step in range(n) for views in batches(step)["forget"])
    assert set(drawn.values()) == {size}  # n batches of `size` are `size` epochs of n items
    assert len(drawn) == n


def test_any_update_can_be_asked_for_at_any_time() -> None:
    batches = Batches({"forget": pool(7), "retain": pool(9)}, {"forget": 3, "retain": 4}, 1)
    late = batches(5)
    forward = [batches(step) for step in range(6)]
    assert late == forward[5]
    assert batches(0) != Batches(batches.pools, batches.sizes, 2)(0)


def test_roles_are_drawn_apart() -> None:
    both = Batches({"forget": pool(8), "retain": pool(8)}, {"forget": 8, "retain": 8}, 1)(0)
    assert both["forget"] != both["retain"]


def test_a_role_without_items_is_an_error() -> None:
    with pytest.raises(ValueError, match="holds no retain items"):
        Batches({"forget": pool(2), "retain": []}, {"forget": 1, "retain": 1}, 0)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 40))
def test_micro_batches_hold_everything_once_in_order(n: int, pairs: int, limit: int) -> None:
    batch = {"retain": pool(n), "pair": pool(pairs, views=2)}
    parts = list(micro_batches(batch, limit))
    for role, units in batch.items():
        assert [views for part in parts for views in part[role]] == units
    # Rounding adds at most one item per role, here three examples.
    assert all(len(p["retain"]) + 2 * len(p["pair"]) <= limit + 3 for p in parts)


def test_without_a_limit_the_batch_stays_whole() -> None:
    batch = {"forget": pool(5)}
    assert list(micro_batches(batch, None)) == [batch]
