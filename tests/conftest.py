"""Tests compute on one thread, as jobs do: equality to the bit holds for one number of threads."""

from __future__ import annotations

import os

# Before numpy and torch are imported, which read it once.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
