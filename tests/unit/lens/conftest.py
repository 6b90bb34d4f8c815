"""Tiny random models of every supported architecture, saved as users save theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unit.models.conftest import KINDS, random_model, word_tokenizer

__all__ = ["word_tokenizer"]


@pytest.fixture(scope="session")
def models() -> dict[str, Any]:
    """One random model per architecture; tests leave them as they are."""
    with torch.random.fork_rng():
        return {kind: random_model(kind) for kind in KINDS}


@pytest.fixture(scope="session")
def folders(models: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same models in folders."""
    made = {}
    for kind, model in models.items():
        made[kind] = tmp_path_factory.mktemp(kind)
        model.save_pretrained(made[kind])
    return made
