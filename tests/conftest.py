"""Tests compute on one thread, as jobs do: equality to the bit holds for one number of threads."""

from __future__ import annotations

import os

import pytest

# Before numpy and torch are imported, which read it once.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

LONGEST = ("test_ci.py", "test_rerun_matrix.py", "test_drill.py", "test_faults.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that no process is left alone with one of them at the end."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else 9)
