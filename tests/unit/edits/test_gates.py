"""SAE gates against their formulas, on the sparse code, token by token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from residue.edits.gates import FeatureGate, codes, forget_features, lengths_of_change, picked
from residue.edits.methods import gate_v2
from residue.edits.methods.risk_gate import tokenizer_digest
from residue.edits.schedule import ScheduledGate, votes
from residue.edits.sequences import after_start
from residue.models.blocks import row_hooks
from residue.models.encoding import pad_batch
from residue.sae.files import load_sae
from tests.unit.edits.making import ROW, fit_data, made

Parts = tuple[Any, Any, pd.DataFrame, Path]
IDS = torch.tensor([[1, 5, 6, 7, 8, 9, 10, 11]])


@pytest.fixture
def parts(loaded: tuple[Any, Any], edit_data: pd.DataFrame, sae_folder: Path) -> Parts:
    return *loaded, edit_data, sae_folder


def row_of(model: Any, ids: torch.Tensor = IDS) -> torch.Tensor:
    with torch.no_grad(), row_hooks(model) as rows:
        model(ids, attention_mask=torch.ones_like(ids))
    return rows[ROW]


def changes(parts: Parts, name: str, **options: Any) -> tuple[Any, torch.Tensor, torch.Tensor]:
    """The attached gate, the row before it and what it changed."""
    before = row_of(parts[0])
    gate = made(name, *parts, **options)
    return gate, before, row_of(parts[0]) - before


def test_a_static_gate_takes_the_sparse_code_of_its_features_away(parts: Parts) -> None:
    gate, before, change = changes(parts, "sae_gate", count=10, alpha=0.7)
    sae = fit_data(*parts).sae(ROW)
    z = sae.encode(before.numpy())
    kept = np.zeros_like(z)
    chosen = gate.held.features.numpy()
    kept[..., chosen] = z[..., chosen]
    # The delta form: decoding the scaled code, with the reconstruction error left in the row.
    by_hand = sae.decode(z - 0.7 * kept) - sae.decode(z)
    np.testing.assert_allclose(change.numpy(), by_hand, atol=1e-5)
    active = (z > 0).sum(axis=-1)
    assert active.max() <= sae.k


def test_the_best_features_of_a_picker_with_a_score_above_zero(parts: Parts) -> None:
    data = fit_data(*parts)
    table = data.features.sort_values("score", ascending=False)
    assert set(picked(data, ROW, "fisher", 5).tolist()) == set(table["feature"][:5])
    assert len(picked(data, ROW, "fisher", 96)) == (table["score"] > 0).sum()
    with pytest.raises(ValueError, match=r"the picker 'best' found no feature at row 1"):
        picked(data, ROW, "best", 5)
    with pytest.raises(ValueError, match=r"row 0 has no sparse autoencoder \(there are: 1\)"):
        made("sae_gate", *parts, row=0)


def test_a_random_gate_takes_as_much_away_by_other_features(parts: Parts) -> None:
    data = fit_data(*parts)
    lengths, features = [], []
    for name in ("sae_gate", "random_gate"):
        gate = made(name, *parts, count=8)
        assert isinstance(gate, FeatureGate)
        features.append(set(gate.held.features.tolist()))
        gate.set_strength(0.0)
        lengths.append(gate.settings["alpha"] * lengths_of_change(gate, data, "forget"))
        gate.detach()
    assert lengths[1] == pytest.approx(lengths[0], rel=1e-5)
    assert not features[0] & features[1]


def test_dsg_clamps_active_tokens_of_blocked_sequences_only(parts: Parts) -> None:
    gate, before, change = changes(parts, "dsg", quantile=0.01, clamp=3.0, percentile=50.0)
    gate.settings["threshold"] = 0.0
    change = row_of(parts[0]) - before
    sae = gate.sae.live
    z = sae.encode(before)[..., gate.held.features]
    active = (z > 0).any(dim=-1)
    assert active.any()
    by_hand = (-3.0 - z) @ sae.W_dec[gate.held.features] * active[..., None]
    torch.testing.assert_close(change, by_hand, atol=1e-4, rtol=1e-4)
    gate.settings["threshold"] = 1.0
    assert torch.equal(row_of(parts[0]), before)


def test_dsg_counts_real_tokens_without_the_first(parts: Parts) -> None:
    """τ just below the share of one sequence blocks it whatever is padded beside it."""
    gate, before, _ = changes(parts, "dsg", percentile=50.0)
    z = gate.sae.live.encode(before)[..., gate.held.features]
    share = float((z[0, 1:] > 0).any(dim=-1).float().mean())
    assert share > 0
    for threshold, blocked in ((share - 1e-3, True), (share + 1e-3, False)):
        gate.settings["threshold"] = threshold
        for side in ("left", "right"):
            padded = pad_batch([IDS[0].tolist(), [1] + [9] * 19], 0, side=side)  # type: ignore[arg-type]
            with torch.no_grad(), row_hooks(parts[0]) as rows:
                parts[0](**padded.inputs())
            first = padded.offsets()[0]
            now = rows[ROW][0, first : first + 8]
            assert torch.allclose(now, before[0], atol=1e-4) != blocked


def test_features_of_dsg_are_those_of_its_scores(parts: Parts) -> None:
    data = fit_data(*parts)
    sae = data.sae(ROW)
    scores = [
        np.mean(np.concatenate([z.numpy() for z in codes(data, sae, name)]) ** 2, axis=0)
        for name in ("forget", "retain")
    ]
    ratio = scores[0] / (scores[1] + 1e-9)
    high = np.flatnonzero((ratio >= np.quantile(ratio, 0.8)) & (scores[0] > 0))
    best = high[np.argsort(-scores[0][high])][:6]
    assert forget_features(data, sae, 80.0, 6).tolist() == sorted(best.tolist())


def test_cusum_is_its_recursion_and_goes_on_from_a_start() -> None:
    steps = torch.randn(3, 40, generator=torch.Generator().manual_seed(0)).double()
    by_hand = torch.zeros(3, 41).double()
    for t in range(40):
        by_hand[:, t + 1] = (by_hand[:, t] + steps[:, t]).clamp_min(0)
    torch.testing.assert_close(gate_v2.cusum(steps), by_hand[:, 1:])
    rest = gate_v2.cusum(steps[:, 15:], by_hand[:, 15])
    torch.testing.assert_close(rest, by_hand[:, 16:])


def test_gate_v2_blocks_no_more_prompts_to_be_kept_than_stated(parts: Parts) -> None:
    gate = made("gate_v2", *parts, false_block=0.2)
    said = gate.settings["false_block"]  # type: ignore[attr-defined]
    assert said["prompts"] == 11 + 3
    assert said["low"] <= said["share"] <= said["high"]
    assert said["share"] <= 0.2


def test_gate_v2_blocks_from_a_token_on_and_never_before(parts: Parts) -> None:
    """What comes later in the text cannot take a block back: it cannot be diluted."""
    gate, before, _ = changes(parts, "gate_v2", clamp=1.0)
    near = gate_v2.nearest(before, gate.held.center, gate.held.prototypes)[0]
    gate.settings |= {"drift": float(near[3:6].max()) - 1e-3, "threshold": 0.0}
    change = (row_of(parts[0]) - before)[0].norm(dim=-1)
    first = int((change > 0).nonzero()[0, 0])
    assert 1 <= first <= 5
    assert (change[:first] == 0).all()
    assert (change[first:] > 0).all()
    longer = torch.cat([IDS, torch.full((1, 20), 29)], dim=1)
    longer_change = row_of(parts[0], longer)
    torch.testing.assert_close(longer_change[:, :8], row_of(parts[0]), atol=1e-5, rtol=1e-4)


def test_gate_v2_clamps_by_the_norm_of_the_row(parts: Parts) -> None:
    gate = made("gate_v2", *parts, clamp=2.0)
    data = fit_data(*parts[:3])
    gate.set_strength(0.0)
    kept = torch.cat(data.prompts("retain", ROW) + data.prompts("dev_retain", ROW))
    size = float(kept.norm(dim=1).median())
    count = len(gate.held.features)  # type: ignore[attr-defined]
    assert gate.settings["clamp"] == pytest.approx(2.0 * size / count**0.5)  # type: ignore[attr-defined]


def test_votes_are_smoothed_log_ratios() -> None:
    found = votes([0, 0, 0, 1], [1, 2], 5)
    shares = np.array([[3.5, 1.5, 0.5], [0.5, 1.5, 1.5]]) / np.array([[6.5], [4.5]])
    expected = np.clip(np.log(shares[0] / shares[1]), -3, 3)
    np.testing.assert_allclose(found[:3], expected, rtol=1e-5)
    assert found[3:].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("name", ["language_gate", "risk_gate"])
def test_a_schedule_follows_the_votes_of_the_latest_tokens(name: str, parts: Parts) -> None:
    gate = made(name, *parts, window=3, alpha=0.5, spread=0.25)
    assert isinstance(gate, ScheduledGate)
    vote = torch.zeros(31)
    vote[5], vote[7] = 1.0, -2.0
    gate.held.votes.data = vote
    ids = [1, 5, 6, 6, 6, 7, 5, 5, 5]
    shares = []
    real = ScheduledGate.shares
    gate.shares = lambda rows: shares.append(real(gate, rows)) or shares[-1]  # type: ignore
    row_of(parts[0], torch.tensor([ids]))
    sums = [sum(float(vote[i]) for i in ids[max(0, t - 2) : t + 1]) for t in range(len(ids))]
    expected = [0.75 if s > 0 else 0.25 for s in sums]
    assert shares[0][0].tolist() == pytest.approx(expected)


def test_risky_tokens_are_kept_with_the_hash_of_their_tokenizer(parts: Parts) -> None:
    gate = made("risk_gate", *parts)
    said = gate.settings  # type: ignore[attr-defined]
    assert said["tokenizer_sha256"] == tokenizer_digest(parts[1])
    assert said["tokens"] == int(gate.held.votes.sum()) > 0  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="no token exceeds limit"):
        made("risk_gate", *parts, limit=100.0)


def test_a_language_that_the_edit_data_lack_is_refused(parts: Parts) -> None:
    with pytest.raises(ValueError, match="must hold rows in 'bn'"):
        made("language_gate", *parts, language="bn")


def test_the_folder_of_a_gate_is_that_of_its_sae(parts: Parts, tmp_path: Path) -> None:
    gate = made("sae_gate", *parts)
    gate.save(tmp_path / "gate")
    sha256 = gate.sae.metadata["residue_model_sha256"]  # type: ignore[attr-defined]
    again = load_sae(tmp_path / "gate", width=32, row=ROW, model_sha256=sha256)
    for name in ("cfg.json", "sae_weights.safetensors"):
        same = (tmp_path / "gate" / name).read_bytes() == (parts[3] / name).read_bytes()
        assert same, name
    assert again.k == 12


def test_a_cache_begun_without_the_gate_is_refused(parts: Parts) -> None:
    from transformers import DynamicCache

    model = parts[0]
    cache = DynamicCache()
    with torch.no_grad():
        model(IDS, past_key_values=cache, use_cache=True)
    made("gate_v2", *parts)
    with torch.no_grad(), pytest.raises(ValueError, match="8 tokens that this edit did not see"):
        model(IDS[:, :1], past_key_values=cache, use_cache=True)


def test_the_first_real_token_does_not_count() -> None:
    real = torch.tensor([[0, 0, 1, 1], [1, 1, 1, 0]]).bool()
    assert after_start(real).long().tolist() == [[0, 0, 0, 1], [0, 1, 1, 0]]
