"""No step of the way from facts to page reads or moves a global generator of random numbers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from residue.core.artifacts import write_json, write_parquet
from residue.core.seeds import derive
from residue.edits.arms import open_arm
from residue.edits.recipes import train_arm
from residue.measure.known import find_known
from residue.measure.table import measure_all
from residue.models.loading import load_model, load_tokenizer
from residue.models.pretrain import pretrain
from residue.records.recorder import record
from residue.records.store import read_generations, read_tokens, write_records
from residue.report.claims import claims
from residue.report.drawing import render
from residue.report.estimates import estimates
from residue.report.figures import by_language, tradeoff
from residue.report.page import Page, build
from residue.specs.arms import ArmSpec
from residue.specs.default_claims import default_claims
from residue.specs.default_estimands import default_estimands
from residue.specs.fields import load
from residue.specs.measures import KnownSpec
from residue.specs.pretrain import ModelShape, PretrainSpec
from residue.specs.records import RecordsSpec
from residue.specs.report import ReportSpec
from residue.specs.statistics import StatisticsSpec
from residue.specs.world import WorldSpec
from residue.stats.bootstrap import bca_interval, hierarchical_interval, percentile_interval
from residue.world.build import World, build_world
from residue.world.documents import sample_documents
from residue.world.edit_data import edit_data
from residue.world.facts import read_facts
from residue.world.injection.items import orders_deck
from residue.world.items import facts_deck
from residue.world.tokenizer import save_tokenizer, train_tokenizer

ROOT = Path(__file__).resolve().parents[2]
TINY = PretrainSpec(
    shape=ModelShape(width=16, blocks=1, heads=2, ffn=16),
    steps=3, batch_tokens=256, pool_documents=16, warmup=1, log_every=1,
)  # fmt: skip
ARM = {"steps": [{"edit": {"name": "lora", "rank": 2, "dropout": 0.1}, "objective": "npo"}]}


@contextmanager
def untouched(seed: int) -> Iterator[None]:
    """The three global generators, put at a seed, are where they were when the block ends."""
    saved = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)
    before = random.getstate(), str(np.random.get_state()), torch.get_rng_state()  # noqa: NPY002
    try:
        yield
        assert random.getstate() == before[0], "random was drawn from"
        assert str(np.random.get_state()) == before[1], "numpy.random was drawn from"  # noqa: NPY002
        assert torch.equal(torch.get_rng_state(), before[2]), "torch was drawn from"
    finally:
        random.setstate(saved[0])
        np.random.set_state(saved[1])  # noqa: NPY002
        torch.set_rng_state(saved[2])


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(read_facts(ROOT / "data" / "facts.tsv"), WorldSpec())


def worlds(_: World, folder: Path) -> list[bytes]:
    made = build_world(read_facts(ROOT / "data" / "facts.tsv"), WorldSpec())
    tables = {"facts": facts_deck(made), "orders": orders_deck(made), "edit": edit_data(made)}
    for name, table in tables.items():
        write_parquet(folder / f"{name}.parquet", table)
    drawn = sample_documents(made, "oracle", 0.5, 50, np.random.default_rng(derive("x")))
    return [*contents(folder), repr(drawn).encode()]


def tokenizers(world: World, folder: Path) -> list[bytes]:
    save_tokenizer(
        train_tokenizer(world), folder / "tokenizer.json", folder / "tokenizer_config.json"
    )
    return contents(folder)


def models(world: World, folder: Path) -> list[bytes]:
    base = folder / "base"
    base.mkdir()
    tokenizers(world, base)
    model, history = pretrain(world, "base", load_tokenizer(base), TINY, 7, folder / "state")
    model.save_pretrained(base)
    write_parquet(folder / "history.parquet", history)
    recipe = load(ArmSpec, ARM, "arms.npo")
    short = replace(recipe.steps[0].train, steps=2, warmup=1)
    step = replace(recipe.steps[0], train=short)
    rows = edit_data(world).groupby("set", sort=False).head(24)
    arm, _ = train_arm(
        base, replace(recipe, steps=(step,)), rows, arm="npo", pair=0, seed=1, home=folder
    )
    write_json(folder / "arm.json", arm)
    deck = facts_deck(world).groupby("split", sort=False).head(3)
    with open_arm(folder / "arm.json") as opened:
        batches = record(opened.model, opened.tokenizer, deck, RecordsSpec(),
                         detached=opened.detached)  # fmt: skip
        names = [folder / f"{name}.parquet" for name in ("generations", "tokens", "rows")]
        write_records(batches, *names)
    load_model(base)
    records = {"generations": read_generations(names[0]), "tokens": read_tokens(names[1])}
    table = measure_all(records, deck, ["exact_answer", "perplexity"], arm="npo", pair=0, seed=0)
    write_parquet(folder / "measurements.parquet", table)
    write_parquet(folder / "known.parquet", find_known(table, deck, KnownSpec()))
    return contents(folder)


def measured(world: World) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Measurements of base, oracle and an edit of eleven seeds, which are bootstrapped."""
    items = facts_deck(world)
    rng = np.random.default_rng(3)
    parts = [
        pd.DataFrame(
            {"metric": "exact_answer", "arm": arm, "pair": 0, "seed": seed, "condition": "plain",
             "item": items["item"], "row": pd.NA, "weight": 1.0, "status": "ok", "reason": "",
             "value": (rng.random(len(items)) < rate).astype(float)}
        )
        for arm, rate, seeds in (("base", 0.9, 1), ("oracle", 0.1, 1), ("npo", 0.3, 11))
        for seed in range(seeds)
    ]  # fmt: skip
    known = pd.DataFrame({"pair": 0, "item": items["item"], "known": True})
    return pd.concat(parts, ignore_index=True), items, known


def reports(world: World, folder: Path) -> list[bytes]:
    values = np.random.default_rng(0).random((11, 20))
    percentile_interval(values[0], np.random.default_rng(1), n_bootstrap=1000)
    bca_interval(values[0], np.random.default_rng(1), n_bootstrap=1000)
    weights, clusters = np.ones_like(values), np.arange(20) % 5
    hierarchical_interval(values, weights, clusters, np.random.default_rng(1), df=4.0)
    estimands = {
        name: spec for name, spec in default_estimands().items() if spec.metric == "exact_answer"
    }
    specs = {n: spec for n, spec in default_claims().items() if spec.estimand in estimands}
    table = estimates(*measured(world), estimands, StatisticsSpec(n_bootstrap=1000))
    decided = claims(table, specs)
    drawn = {
        "tradeoff": render(tradeoff(table), "svg"),
        "by_language": render(by_language(table, requested=("en",)), "svg"),
    }
    page = Page(decided, table, estimands, specs, figures=drawn)
    write_parquet(folder / "estimates.parquet", table)
    write_parquet(folder / "claims.parquet", decided)
    return [*contents(folder), *drawn.values(), build(page, ReportSpec()).encode()]


def contents(folder: Path) -> list[bytes]:
    """Bytes of every file, by relative name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [path.read_bytes() for path in files]


@pytest.mark.parametrize("walk", [worlds, tokenizers, models, reports], ids=lambda f: f.__name__)
def test_global_generators_are_neither_moved_nor_read(
    walk: Callable[[World, Path], list[bytes]], world: World, tmp_path: Path
) -> None:
    made = []
    for seed in (1, 2):
        folder = tmp_path / "results"
        folder.mkdir()
        with untouched(seed):
            made.append(walk(world, folder))
        folder.rename(tmp_path / f"results-{seed}")
    assert len(made[0]) == len(made[1])
    for one, two in zip(*made, strict=True):
        assert one == two, "the result depends on a global generator, or on something else unsaid"
