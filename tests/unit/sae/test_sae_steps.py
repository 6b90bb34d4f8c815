"""Sparse products and gradients by hand are those of a dense step by autograd."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from residue.sae.sparse import code_of, code_where, gradient, largest
from residue.sae.steps import Aims, Weights, step

D, F, N, K = 16, 128, 40, 4


def weights(architecture: str = "topk", seed: int = 0) -> Weights:
    g = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    decoder = normal(F, D)
    decoder /= decoder.norm(dim=1, keepdim=True)
    threshold = 0.8 + 0.2 * torch.rand(F, generator=g, dtype=torch.float64)
    return Weights(
        encoder=decoder + 0.1 * normal(F, D),
        b_enc=0.1 * normal(F),
        decoder=decoder,
        b_dec=0.1 * normal(D),
        threshold=threshold if architecture == "jumprelu" else None,
    )


def batch(seed: int = 1) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(N, D, generator=g, dtype=torch.float64)


class Step(torch.autograd.Function):
    """1[p > θ] and p·1[p > θ] with the paper's straight-through estimates, dense."""

    @staticmethod
    def forward(ctx, p, theta, width):
        ctx.save_for_backward(p, theta)
        ctx.width = width
        active = (p > theta).to(p)
        return active, p * active

    @staticmethod
    def backward(ctx, to_active, to_code):
        p, theta = ctx.saved_tensors
        band = ((p - theta).abs() < ctx.width / 2).to(p) / ctx.width
        return to_code * (p > theta), -(theta * to_code + to_active) * band, None


def dense(w: Weights, x: Tensor, dead: Tensor, aims: Aims) -> tuple[Tensor, dict[str, Tensor]]:
    leaves = {name: value.clone().requires_grad_() for name, value in w.named().items()}
    p = (x - leaves["b_dec"]) @ leaves["encoder"].T + leaves["b_enc"]
    sparsity = torch.zeros(())
    if aims.across:
        kept = p.flatten().topk(aims.k * len(x)).indices
        z = torch.zeros_like(p).flatten().scatter(0, kept, p.flatten()[kept]).view_as(p).relu()
    elif w.threshold is None:
        values, chosen = p.topk(aims.k)
        z = torch.zeros_like(p).scatter(1, chosen, values.relu())
    else:
        active, z = Step.apply(p, leaves["threshold"], aims.bandwidth)
        sparsity = aims.sparsity * (active.sum(1).mean() / aims.k - 1) ** 2
    spread = (x - x.mean(0)).square().sum()
    terms = []
    for first in aims.prefixes or (F,):
        error = x - z[:, :first] @ leaves["decoder"][:first] - leaves["b_dec"]
        terms.append(error.square().sum() / spread)
    loss = torch.stack(terms).mean() + sparsity
    if dead.any() and aims.aux:
        most = min(D // 2, int(dead.sum()))
        values, chosen = p.masked_fill(~dead, -torch.inf).topk(most)
        shown = torch.zeros_like(p).scatter(1, chosen, values) @ leaves["decoder"]
        fixed = error.detach()
        share = aims.aux * min(int(dead.sum()) / (D // 2), 1)
        loss = loss + share * (fixed - shown).square().sum() / fixed.square().sum()
    loss.backward()
    return loss.detach(), {name: leaf.grad for name, leaf in leaves.items()}


@pytest.mark.parametrize("architecture", ["topk", "jumprelu", "batchtopk", "matryoshka"])
@pytest.mark.parametrize("n_dead", [0, 3, 40])
def test_gradients_are_those_of_a_dense_step(architecture: str, n_dead: int) -> None:
    w, x = weights(architecture), batch()
    nested = (F // 8, F // 4, F // 2, F) if architecture == "matryoshka" else ()
    across = architecture in ("batchtopk", "matryoshka")
    aims = Aims(K, 1 / 32, bandwidth=0.3, across=across, prefixes=nested)
    dead = torch.zeros(F, dtype=torch.bool)
    dead[5 : 5 + n_dead] = True
    made = step(w, x, dead, aims)
    loss, wanted = dense(w, x, dead, aims)
    assert made.parts["loss"] == pytest.approx(float(loss), abs=1e-12)
    assert set(made.gradients) == set(wanted)
    for name, value in wanted.items():
        torch.testing.assert_close(made.gradients[name], value, atol=1e-9, rtol=1e-9)
    assert made.gradients["threshold"].any() if w.threshold is not None else True
    assert (made.level is not None) == across
    if across:
        p = (x - w.b_dec) @ w.encoder.T + w.b_enc
        assert made.level == pytest.approx(float(p.flatten().topk(K * N).values.min()))
        assert made.parts["l0"] == K


def test_auxk_reaches_encoder_and_decoder_of_dead_latents_below_zero() -> None:
    """A latent whose pre-activations are all negative: the loss alone would never move it."""
    w, x = weights(), batch()
    w.b_enc[:20] = -50
    dead = torch.arange(F) < 20
    without = step(w, x, dead, Aims(K, aux=0.0)).gradients
    assert not without["encoder"][:20].any()
    assert not without["decoder"][:20].any()
    made = step(w, x, dead, Aims(K, aux=1 / 32)).gradients
    assert (made["encoder"][:20].abs().sum(1) > 0).all()
    assert (made["decoder"][:20].abs().sum(1) > 0).all()
    torch.testing.assert_close(made["encoder"][20:], without["encoder"][20:])


def test_the_loss_does_not_depend_on_the_scale_of_all_vectors() -> None:
    """TopK is positively homogeneous, so input and biases may be scaled together."""
    w, x, none = weights(), batch(), torch.zeros(F, dtype=torch.bool)
    scaled = Weights(w.encoder, 7 * w.b_enc, w.decoder, 7 * w.b_dec, None)
    one, other = (step(each, s * x, none, Aims(K, 0)) for each, s in ((w, 1), (scaled, 7)))
    assert one.parts["loss"] == pytest.approx(other.parts["loss"], rel=1e-12)


def test_fired_latents_are_those_with_a_positive_code() -> None:
    w, x = weights(), batch()
    made = step(w, x, torch.zeros(F, dtype=torch.bool), Aims(K, 0))
    p = (x - w.b_dec) @ w.encoder.T + w.b_enc
    values, chosen = p.topk(K)
    wanted = torch.zeros(F, dtype=torch.bool)
    wanted[chosen[values > 0]] = True
    assert torch.equal(made.fired, wanted)
    assert made.parts["l0"] == pytest.approx(float((values > 0).sum() / N))


@given(
    columns=st.sampled_from([5, 32, 96, 256, 1024]),
    k=st.integers(1, 5),
    rows=st.integers(1, 4),
    seed=st.integers(0, 1000),
    levels=st.sampled_from([3, 10**6]),
)
def test_the_largest_of_groups_are_the_largest_of_all(
    columns: int, k: int, rows: int, seed: int, levels: int
) -> None:
    """With many ties (few levels) the values are still right, and each column is named once."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randint(levels, (rows, columns), generator=g).double()
    values, places = largest(x, k)
    assert torch.equal(values.sort(1).values, x.topk(k).values.sort(1).values)
    assert torch.equal(x.gather(1, places), values)
    assert all(len(set(each.tolist())) == k for each in places)


def test_sparse_products_are_dense_products() -> None:
    g = torch.Generator().manual_seed(3)
    p = torch.randn(N, F, generator=g, dtype=torch.float64)
    table = torch.randn(F, D, generator=g, dtype=torch.float64)
    rows = torch.randn(N, D, generator=g, dtype=torch.float64)
    mask = p > 1.5
    mask[3] = False  # a token without any latent
    values, chosen = p.topk(K)
    for code, z in (
        (code_where(mask, p), p * mask),
        (code_where(mask & False, p), torch.zeros_like(p)),
        (
            code_of(*p.topk(K), F),
            torch.zeros_like(p).scatter(1, p.topk(K).indices, p.topk(K).values),
        ),
    ):
        made, leaf = code.decode(table)
        torch.testing.assert_close(made.detach(), z @ table)
        torch.testing.assert_close(
            gradient(made, leaf, rows), (rows @ table.T)[code.tokens, code.latents]
        )
        torch.testing.assert_close(code.by_latent(code.values, rows), z.T @ rows)
        torch.testing.assert_close(code.total(code.values), z.sum(0))
