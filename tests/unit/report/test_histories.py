"""Histories as viewers get them: every finite number of every update once, under its column."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from residue.core.artifacts import write_parquet
from residue.report.histories import export

HISTORY = pd.DataFrame(
    {"step": [1, 2, 1], "loss": [3.0, 2.0, 5.0], "dev": [float("nan"), 0.5, 0.25],
     "edit": ["1-lora", "1-lora", "2-gate"]}
)  # fmt: skip
WANTED = {(1, "loss", 3.0), (2, "loss", 2.0), (2, "dev", 0.5), (3, "loss", 5.0), (3, "dev", 0.25)}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    file = tmp_path / "arms/npo/pair0/seed1/history.parquet"
    file.parent.mkdir(parents=True)
    write_parquet(file, HISTORY)
    return tmp_path


def test_tensorboard(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    got: set[tuple[int, str, float]] = set()
    closed = []

    class Writer:
        def __init__(self, folder: str) -> None:
            assert folder.endswith("npo-pair0-seed1")

        def add_scalar(self, tag: str, data: float, step: int) -> None:
            got.add((step, tag, data))

        def close(self) -> None:
            closed.append(True)

    stand_in: Any = types.ModuleType("tensorboard.summary")
    stand_in.Writer = Writer
    monkeypatch.setitem(sys.modules, "tensorboard", types.ModuleType("tensorboard"))
    monkeypatch.setitem(sys.modules, "tensorboard.summary", stand_in)
    assert len(export(out, out / "to", "tensorboard")) == 1
    assert got == WANTED
    assert closed


def test_wandb_stays_offline(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    got: set[tuple[int, str, float]] = set()

    class Run:
        def log(self, data: dict[str, float], step: int) -> None:
            got.update((step, name, value) for name, value in data.items())

        def finish(self) -> None:
            got.add((0, "finished", 1.0))

    def init(**options: Any) -> Run:
        assert options["mode"] == "offline"
        assert options["name"] == "npo-pair0-seed1"
        return Run()

    stand_in: Any = types.ModuleType("wandb")
    stand_in.init = init
    monkeypatch.setitem(sys.modules, "wandb", stand_in)
    export(out, out / "to", "wandb")
    assert got == WANTED | {(0, "finished", 1.0)}


def test_the_real_tensorboard_reads_it_back(out: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs tensorboard, which nothing else uses")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    export(out, out / "to", "tensorboard")
    read = EventAccumulator(str(out / "to/npo-pair0-seed1"))
    read.Reload()
    assert {
        (each.step, name, float(make_ndarray(each.tensor_proto)))
        for name in read.Tags()["tensors"]
        for each in read.Tensors(name)
    } == WANTED


def test_the_real_wandb_keeps_it_on_disk(out: Path) -> None:
    pytest.importorskip("wandb", reason="needs wandb, which nothing else uses")
    import wandb
    from wandb.proto.wandb_internal_pb2 import Record

    export(out, out / "to", "wandb")
    wandb.teardown()  # as at the end of the process: what its service still holds is written
    (file,) = (out / "to").rglob("run-*.wandb")
    got, data, place = set(), file.read_bytes(), 7
    assert len(data) < 1 << 15  # one block of its log, where no record is divided
    while place + 7 < len(data):  # checksum, length, kind; then the record
        end = place + 7 + int.from_bytes(data[place + 4 : place + 6], "little")
        record = Record()
        record.ParseFromString(data[place + 7 : end])
        line = {item.key or item.nested_key[0]: json.loads(item.value_json)
                for item in record.history.item}  # fmt: skip
        got |= {(line["_step"], name, value) for name, value in line.items() if name[0] != "_"}
        place = end
    assert got == WANTED
