"""Four bits a weight and blocks computed again: what is saved, and what stays the same."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from residue.edits.answers import Example, score
from residue.edits.attacks.quantise import rounded
from residue.edits.memory import base_in_nf4, blocks_again
from residue.edits.methods.lora import Edit
from residue.edits.optimiser import FlatAdamW
from residue.models.blocks import describe
from residue.models.packing import packed

ITEMS = [Example("a", (1, 5, 6, 7, 8, 2), 3), Example("b", (1, 9, 10, 2), 2)]


def noisy(model: Any) -> Any:
    """An adapter with an effect."""
    adapter = Edit(rank=2).attach(model, seed=1, place=1)
    source = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for weight in adapter.parameters().values():
            weight += 0.1 * torch.randn(weight.shape, generator=source)
    return adapter


def gradient(model: Any, adapter: Any) -> tuple[torch.Tensor, torch.Tensor]:
    loss = -score(model, ITEMS).sums.sum()
    grads = torch.autograd.grad(loss, list(adapter.parameters().values()))
    return loss.detach(), torch.cat([grad.reshape(-1) for grad in grads])


def test_a_weight_takes_four_bits_and_an_eighth() -> None:
    weight = torch.randn(512, 512, generator=torch.Generator().manual_seed(0))
    small = packed(weight, double=True)
    # 4 bits, 8 for 64 weights, 32 for 64 · 256 weights.
    assert 8 * small.bytes / weight.numel() == pytest.approx(4 + 8 / 64 + 32 / (64 * 256), abs=1e-3)
    assert small.unpacked().shape == weight.shape
    # Sixteen levels between −1 and 1 in units of a block's largest: no gap is wider than .31.
    largest = weight.reshape(-1, 64).abs().max(dim=1).values
    error = (small.unpacked() - weight).reshape(-1, 64).abs().max(dim=1).values
    assert (error <= 0.17 * largest).all()


def test_a_base_in_nf4_is_the_rounded_base(loaded: tuple[Any, Any]) -> None:
    """Loss and gradient are those of a model whose weights are overwritten by the rounded ones."""
    model, _ = loaded
    adapter = noisy(model)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    plain = gradient(model, adapter)
    with base_in_nf4(model):
        held = gradient(model, adapter)
    after = dict(model.named_parameters())
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    assert torch.equal(gradient(model, adapter)[1], plain[1])
    with torch.no_grad():
        for block in describe(model).blocks:
            for name, weight in block.named_parameters():
                if "lora" not in name and weight.dim() == 2:
                    weight.copy_(packed(weight, double=True).unpacked())
    overwritten = gradient(model, adapter)
    torch.testing.assert_close(held[0], overwritten[0])
    torch.testing.assert_close(held[1], overwritten[1], atol=1e-5, rtol=1e-4)
    assert not torch.equal(held[1], plain[1])


def test_double_quantisation_rounds_the_scales_alone() -> None:
    weight = torch.randn(64, 96, generator=torch.Generator().manual_seed(1))
    single, double = rounded(weight, "nf4"), packed(weight, double=True).unpacked()
    share = (double - single).norm() / (single - weight).norm()
    assert 0 < float(share) < 0.2


def test_blocks_computed_again_change_no_bit(loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    adapter = noisy(model)
    plain = gradient(model, adapter)
    runs = []
    handle = describe(model).block_norms[0].register_forward_pre_hook(lambda *_: runs.append(1))
    with blocks_again(model):
        again = gradient(model, adapter)
    handle.remove()
    assert torch.equal(again[0], plain[0])
    assert torch.equal(again[1], plain[1])
    assert len(runs) == 2  # forward, and once more backward
    assert "forward" not in vars(describe(model).blocks[0])


def test_moments_of_eight_bits_stay_near_those_of_32() -> None:
    source = torch.Generator().manual_seed(3)
    start = torch.randn(1024, generator=source)
    runs = {}
    for bits in (32, 8):
        weight = torch.nn.Parameter(start.clone())
        optimiser = FlatAdamW({"w": weight}, weight_decay=0.0, bits=bits)
        draws = torch.Generator().manual_seed(4)
        for _ in range(20):
            optimiser.gradient.copy_(2 * optimiser.flat + 0.1 * torch.randn(1024, generator=draws))
            optimiser.step(0.01)
        runs[bits] = optimiser
    moved = (runs[32].flat - start).norm()
    assert float((runs[8].flat - runs[32].flat).norm() / moved) < 0.1
    assert runs[8].state()["mean"].dtype == torch.uint8
    assert set(runs[8].state()) == {"flat", "mean", "square", "mean_scales", "square_scales"}
