"""The lock of a card bears the card's own name, however the card was named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from residue.core import card

UUIDS = {"0000:65:00.0": "GPU-b2222222-0000", "0000:17:00.0": "GPU-a1111111-0000"}


@pytest.fixture
def two_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place, uuid in UUIDS.items():
        (tmp_path / place).mkdir()
        text = f"Model: \t\t Some card\nGPU UUID: \t {uuid}\nDevice Minor: \t 0\n"
        (tmp_path / place / "information").write_text(text)
    monkeypatch.setattr(card, "CARDS", tmp_path)


@pytest.mark.usefixtures("two_cards")
@pytest.mark.parametrize(
    ("visible", "name"),
    [
        (None, "GPU-a1111111-0000"),
        ("0", "GPU-a1111111-0000"),
        ("1", "GPU-b2222222-0000"),
        ("1,0", "GPU-b2222222-0000"),
        ("GPU-b2222222-0000", "GPU-b2222222-0000"),
        ("GPU-b2", "GPU-b2222222-0000"),
        ("MIG-c3333333-0000", "cuda-MIG-c3333333-0000"),
    ],
)
def test_every_way_to_name_a_card_leads_to_its_uuid(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, name: str
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert card.name("cuda") == name


def test_without_a_list_of_cards_the_index_is_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card, "CARDS", tmp_path / "missing")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert card.name("cuda") == "cuda-3"
    assert card.name("mps") == "mps"


def test_indices_count_in_bus_order_for_cuda_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST")
    monkeypatch.setattr(card, "lock_path", lambda _: tmp_path / "lock")
    with card.held("cuda"):
        assert os.environ["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_a_lock_that_another_user_made_can_be_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    lock.chmod(0o444)
    monkeypatch.setattr(card, "lock_path", lambda _: lock)
    with card.held("cuda"):
        pass


def test_other_users_of_the_card_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the tool of the driver, here a stand-in with its documented output."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(
        "#!/bin/sh\n"
        "echo 'GPU-1, 4242, /usr/bin/python3, 512 MiB'\n"
        "echo 'GPU-2, 4343, /usr/bin/game, 99 MiB'\n"
        f"echo 'GPU-1, {os.getpid()}, /usr/bin/python3, 1 MiB'\n"
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(card, "name", lambda _: "GPU-1")
    assert card.users("cuda") == ["process 4242 (/usr/bin/python3, 512 MiB)"]
    assert card.users("cpu") == []
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert card.users("cuda") == []
