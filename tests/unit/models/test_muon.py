"""Newton–Schulz orthogonalisation and the two optimisers against closed forms."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from residue.models.adamw import EPSILON, AdamW
from residue.models.muon import Muon, orthogonalise


def _random(*size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=20, deadline=None)
@given(
    rows=st.integers(2, 24),
    extra=st.integers(0, 12),
    seed=st.integers(0, 1000),
    scale=st.sampled_from([1e-4, 1.0, 1e4]),
)
def test_singular_values_are_drawn_to_one_and_singular_vectors_stay(
    rows: int, extra: int, seed: int, scale: float
) -> None:
    left, _ = torch.linalg.qr(_random(rows, rows, seed=seed))
    right, _ = torch.linalg.qr(_random(rows + extra, rows, seed=seed + 1))
    values = torch.linspace(0.05, 1.0, rows)
    matrix = left @ torch.diag(values * scale) @ right.T
    result = orthogonalise(matrix[None], iterations=6)[0]
    inner = left.T @ result @ right
    # Jordan et al.: the chosen quintic keeps converged singular values within about 0.7 and 1.2.
    assert inner.diagonal().min() > 0.65
    assert inner.diagonal().max() < 1.25
    off = inner - torch.diag(inner.diagonal())
    assert off.abs().max() < 1e-3


def test_an_orthogonal_matrix_keeps_its_directions_and_zero_stays_zero() -> None:
    q, _ = torch.linalg.qr(_random(16, 16))
    result = orthogonalise(torch.stack([q, torch.zeros(16, 16)]), iterations=5)
    cosine = (result[0] * q).sum() / (result[0].norm() * q.norm())
    assert cosine == pytest.approx(1.0, abs=1e-5)
    assert torch.equal(result[1], torch.zeros(16, 16))


def test_a_batch_is_its_matrices_one_by_one() -> None:
    batch = _random(5, 8, 12)
    alone = torch.cat([orthogonalise(matrix[None], 3) for matrix in batch])
    torch.testing.assert_close(orthogonalise(batch, 3), alone, atol=1e-5, rtol=1e-4)


def test_muon_treats_a_stack_and_its_transpose_alike() -> None:
    wide, gradient = _random(2, 6, 10), _random(2, 6, 10, seed=1)
    tall = wide.transpose(1, 2).clone()
    settings_ = {"momentum": 0.9, "weight_decay": 0.1, "iterations": 4}
    start = wide.clone()
    Muon([wide], **settings_).step([gradient], rate=0.1)
    Muon([tall], **settings_).step([gradient.transpose(1, 2)], rate=0.1)
    shrunk = start * (1 - 0.1 * 0.1)
    # A tall matrix moves by sqrt(rows / columns) times as much.
    expected = shrunk + (wide - shrunk) * (10 / 6) ** 0.5
    torch.testing.assert_close(tall.transpose(1, 2), expected, atol=1e-5, rtol=1e-4)


def test_muon_batches_stacks_of_one_shape_without_mixing_them() -> None:
    first, second = _random(2, 6, 6), _random(3, 6, 6, seed=1)
    gradients = [_random(2, 6, 6, seed=2), _random(3, 6, 6, seed=3)]
    apart = [first.clone(), second.clone()]
    settings_ = {"momentum": 0.9, "weight_decay": 0.0, "iterations": 3}
    Muon([first, second], **settings_).step(gradients, rate=0.1)
    for stack, gradient in zip(apart, gradients, strict=True):
        Muon([stack], **settings_).step([gradient], rate=0.1)
    torch.testing.assert_close(first, apart[0])
    torch.testing.assert_close(second, apart[1])


def test_adamw_equals_torchs() -> None:
    mine, theirs = _random(4, 3), _random(4, 3).requires_grad_()
    optimiser = AdamW([mine], weight_decay=0.05, betas=(0.9, 0.98))
    reference = torch.optim.AdamW(
        [theirs], lr=0.01, betas=(0.9, 0.98), eps=EPSILON, weight_decay=0.05
    )
    for number in range(1, 6):
        gradient = _random(4, 3, seed=number)
        optimiser.step([gradient], 0.01, number)
        theirs.grad = gradient.clone()
        reference.step()
    torch.testing.assert_close(mine, theirs.detach())
