from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from residue.specs.world import WorldSpec
from residue.world.build import World, build_world
from residue.world.edit_data import edit_data
from residue.world.facts import Facts, read_facts
from residue.world.injection.items import orders_deck
from residue.world.items import facts_deck
from residue.world.tokenizer import train_tokenizer

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def facts() -> Facts:
    return read_facts(ROOT / "data" / "facts.tsv")


@pytest.fixture(scope="session")
def world(facts: Facts) -> World:
    return build_world(facts, WorldSpec())


@pytest.fixture(scope="session")
def language_world(facts: Facts) -> World:
    """Request `language`: Hindi is to be forgotten."""
    return build_world(facts, WorldSpec(request="language", requested_languages=("hi",)))


@pytest.fixture(scope="session")
def asked(world: World) -> pd.DataFrame:
    return facts_deck(world)


@pytest.fixture(scope="session")
def ordered(world: World) -> pd.DataFrame:
    return orders_deck(world)


@pytest.fixture(scope="session")
def shown(world: World) -> pd.DataFrame:
    return edit_data(world)


@pytest.fixture(scope="session")
def tokenizer(world: World) -> Any:
    return train_tokenizer(world)
