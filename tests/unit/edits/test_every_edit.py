"""What every edit must keep: a new file in edits/methods/ with a class `Edit` joins by itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from residue.core import methods
from residue.edits.answers import Example, score
from residue.edits.attached import Attached
from residue.specs.arms import EDITS as EDIT_FOLDER

EDITS = methods.names(EDIT_FOLDER)
ITEMS = [Example("a", (1, 5, 6, 7, 8, 2), 3), Example("b", (1, 9, 10, 2), 2)]


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return score(model, ITEMS).logits


def attach(name: str, model: Any, *, place: int = 1) -> Attached:
    """A fresh edit whose weights are noise, so that it has an effect."""
    edit: Attached = methods.load(EDIT_FOLDER, name).Edit().attach(model, seed=3, place=place)
    source = torch.Generator().manual_seed(place)
    with torch.no_grad():
        for weight in edit.parameters().values():
            weight += 0.1 * torch.randn(weight.shape, generator=source)
    return edit


def modules(model: Any) -> dict[str, Any]:
    return {path: type(module) for path, module in model.named_modules()}


@pytest.fixture(params=EDITS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_strength_zero_is_the_base_and_one_is_the_edit(name: str, loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    base = logits(model)
    edit = attach(name, model)
    full = logits(model)
    assert (full - base).abs().max() > 1e-3
    edit.set_strength(0.0)
    assert torch.equal(logits(model), base)
    edit.set_strength(0.5)
    assert 0 < (logits(model) - base).norm() < (full - base).norm()
    edit.set_strength(1.0)
    assert torch.equal(logits(model), full)


def test_detached_is_the_base_for_a_while_also_after_an_error(
    name: str, loaded: tuple[Any, Any]
) -> None:
    model, _ = loaded
    base = logits(model)
    edit = attach(name, model)
    full = logits(model)
    grads = [weight.requires_grad for weight in model.parameters()]
    with edit.detached() as plain:
        assert torch.equal(logits(plain), base)
    assert torch.equal(logits(model), full)
    with pytest.raises(KeyError), edit.detached():
        raise KeyError("inside")
    assert torch.equal(logits(model), full)
    assert [weight.requires_grad for weight in model.parameters()] == grads


def test_detach_leaves_no_trace(name: str, loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    before, base = modules(model), logits(model)
    flags = [weight.requires_grad for weight in model.parameters()]
    attach(name, model).detach()
    assert modules(model) == before
    assert torch.equal(logits(model), base)
    assert [weight.requires_grad for weight in model.parameters()] == flags
    assert not hasattr(model, "peft_config")
    hooks = [m for m in model.modules() if m._forward_hooks or m._forward_pre_hooks]
    assert hooks == []


def test_only_the_edit_takes_gradients(name: str, loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    own = list(model.parameters())
    edit = attach(name, model)
    score(model, ITEMS).tokens.sum().backward()
    assert all(weight.grad is None for weight in own)
    assert all(weight.grad is not None for weight in edit.parameters().values())
    edit.trainable(False)
    assert not any(weight.requires_grad for weight in model.parameters())


def test_saved_files_give_the_same_model_and_the_same_bytes(
    name: str, loaded: tuple[Any, Any], tmp_path: Path
) -> None:
    model, _ = loaded
    edit = attach(name, model)
    edit.trainable(False)
    full = logits(model)
    edit.save(tmp_path / "one")
    edit.save(tmp_path / "two")
    edit.detach()
    again = methods.load(EDIT_FOLDER, name).Edit.load(model, tmp_path / "one", place=1)
    assert torch.equal(logits(model), full)
    assert not any(weight.requires_grad for weight in again.parameters().values())
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()
        assert file.suffix in (".json", ".safetensors")


def test_two_of_a_kind_stack_and_come_off_one_by_one(name: str, loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    base = logits(model)
    first = attach(name, model, place=1)
    one = logits(model)
    first.trainable(False)
    second = attach(name, model, place=2)
    both = logits(model)
    assert (both - one).abs().max() > 1e-3
    with second.detached():
        assert torch.equal(logits(model), one)
    with second.detached(), first.detached():
        assert torch.equal(logits(model), base)
    assert torch.equal(logits(model), both)
    assert not any(weight.requires_grad for weight in first.parameters().values())
    second.detach()
    assert torch.equal(logits(model), one)
    first.detach()
    assert torch.equal(logits(model), base)


def test_attaching_draws_from_the_seed_alone(name: str, loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    kind = methods.load(EDIT_FOLDER, name).Edit
    state = torch.random.get_rng_state()
    drawn = []
    for seed in (3, 3, 4):
        edit = kind().attach(model, seed=seed, place=1)
        drawn.append(torch.cat([w.detach().reshape(-1) for w in edit.parameters().values()]))
        edit.detach()
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2]) or drawn[0].unique().numel() == 1


def test_options_are_checked_without_torch(name: str) -> None:
    import subprocess

    code = (
        "import sys; from residue.core import methods; "
        f"methods.load({EDIT_FOLDER!r}, {name!r}).Edit(); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
