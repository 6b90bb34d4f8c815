"""The code is sparse, the same in numpy and torch, and of each vector alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from residue.sae.models import Sae

BOTH = pytest.mark.parametrize("architecture", ["topk", "jumprelu"])


def test_a_topk_code_holds_the_k_largest_pre_activations(
    make_sae: Callable[..., Sae], rows: np.ndarray
) -> None:
    sae = make_sae()
    p, z = sae.pre_activations(rows), sae.encode(rows)
    assert ((z > 0).sum(axis=1) <= sae.k).all()
    for each, code in zip(p, z, strict=True):
        largest = np.sort(each)[-sae.k :]
        assert sorted(code[code > 0]) == pytest.approx(sorted(largest[largest > 0]))


def test_negative_pre_activations_never_enter_a_topk_code(
    make_sae: Callable[..., Sae], rows: np.ndarray
) -> None:
    sae = make_sae()
    shifted = Sae(**{**vars(sae), "b_enc": sae.b_enc - 100})
    assert not shifted.encode(rows).any()
    assert not shifted.live.encode(torch.from_numpy(rows)).any()


def test_a_jumprelu_code_holds_what_lies_above_the_threshold(
    make_sae: Callable[..., Sae], rows: np.ndarray
) -> None:
    sae = make_sae("jumprelu")
    p, z = sae.pre_activations(rows), sae.encode(rows)
    assert sae.threshold is not None
    np.testing.assert_array_equal(z > 0, p > sae.threshold)
    np.testing.assert_array_equal(z[z > 0], p[z > 0])


@BOTH
def test_numpy_and_torch_agree(
    architecture: str, make_sae: Callable[..., Sae], rows: np.ndarray
) -> None:
    sae = make_sae(architecture)
    z = sae.encode(rows)
    live = sae.live.encode(torch.from_numpy(rows))
    np.testing.assert_allclose(live.numpy(), z, atol=1e-6)
    np.testing.assert_allclose(sae.live.decode(live).numpy(), sae.decode(z), atol=1e-5)


@BOTH
def test_a_batch_equals_each_vector_alone(
    architecture: str, make_sae: Callable[..., Sae], rows: np.ndarray
) -> None:
    sae = make_sae(architecture)
    together = sae.encode(rows.reshape(5, 12, -1))
    live = sae.live.encode(torch.from_numpy(rows).view(5, 12, -1)).numpy()
    for i in range(5):
        for j in range(12):
            alone = sae.encode(rows.reshape(5, 12, -1)[i, j])
            np.testing.assert_allclose(together[i, j], alone, atol=1e-6)
            np.testing.assert_allclose(live[i, j], alone, atol=1e-6)


@BOTH
def test_a_gate_takes_away_what_the_sparse_code_writes(
    architecture: str, make_sae: Callable[..., Sae], rows: np.ndarray
) -> None:
    """The dense pre-activations would write more: most chosen latents are inactive."""
    sae, chosen = make_sae(architecture), np.array([1, 4, 7, 20])
    z = sae.encode(rows)
    emptied = z.copy()
    emptied[:, chosen] = 0
    np.testing.assert_allclose(
        sae.written(z, chosen), sae.decode(z) - sae.decode(emptied), atol=1e-5
    )
    inactive = ~z[:, chosen].any(axis=1)
    assert inactive.any()
    assert not sae.written(z, chosen)[inactive].any()
    assert np.abs(sae.pre_activations(rows)[:, chosen]).min() > 0
    live = sae.live.written(torch.from_numpy(z), torch.from_numpy(chosen))
    np.testing.assert_allclose(live.numpy(), sae.written(z, chosen), atol=1e-6)


@BOTH
def test_gradients_reach_the_residual_stream_through_active_latents(
    architecture: str, make_sae: Callable[..., Sae], rows: np.ndarray
) -> None:
    sae = make_sae(architecture)
    h = torch.from_numpy(rows).requires_grad_()
    z = sae.live.encode(h)
    z.sum().backward()
    active = (z > 0).float().detach()
    torch.testing.assert_close(h.grad, active @ torch.from_numpy(sae.W_enc).T)


def test_a_live_sae_holds_no_parameter_and_keeps_the_dtype(
    make_sae: Callable[..., Sae], rows: np.ndarray
) -> None:
    live = make_sae().live
    assert list(live.parameters()) == []
    assert live.state_dict() == {}
    assert live(torch.from_numpy(rows).bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"architecture": "gated"}, "'gated' is not known"),
        ({"threshold": np.ones(30)}, "a TopK SAE has none"),
        ({"architecture": "jumprelu"}, "needs thresholds"),
        ({"k": 0}, "k is 0"),
        ({"k": 31}, "30 latents"),
        ({"b_enc": np.zeros(7)}, r"b_enc has the shape \(7,\), not \(30,\)"),
        ({"W_dec": np.zeros((30, 9))}, r"W_dec has the shape \(30, 9\)"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    change: dict[str, object], said: str, make_sae: Callable[..., Sae]
) -> None:
    with pytest.raises(ValueError, match=said):
        Sae(**{**vars(make_sae()), **change})
