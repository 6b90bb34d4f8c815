"""SAEs find planted directions, resume to the bit, and do not see each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from residue.sae import training
from residue.sae.learner import Learner, SaeTrainingError, rate
from residue.sae.scores import score_rows
from residue.sae.steps import step
from residue.sae.training import train_saes
from residue.specs.sae import SaeShape, SaeTraining

WIDTH, FEATURES, ACTIVE, SIZE = 16, 24, 2, 64
SHAPE = SaeShape(expansion=2, k=ACTIVE)
SPEC = SaeTraining(tokens=64 * 90, batch=SIZE, learning_rate=4e-4, dead_after=1000)


def planted(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors that are sums of `ACTIVE` of some unit directions, about a large mean."""
    truth = np.random.default_rng(0).normal(size=(FEATURES, WIDTH))
    truth /= np.linalg.norm(truth, axis=1, keepdims=True)
    rng = np.random.default_rng(seed)
    z = np.zeros((n, FEATURES))
    for each in z:
        each[rng.choice(FEATURES, ACTIVE, replace=False)] = rng.uniform(20, 40, ACTIVE)
    return (z @ truth + 100).astype(np.float32), truth


ROWS, TRUTH = planted(64 * 40, seed=1)


def batches(number: int) -> Iterator[np.ndarray]:
    order = np.random.default_rng(number).permutation(len(ROWS))
    for start in range(0, len(ROWS), SIZE):
        yield ROWS[order[start : start + SIZE]]


def parts(number: int) -> Iterator[np.ndarray]:
    """The same with a short batch at the end."""
    yield from list(batches(number))[:30]
    yield ROWS[:17]


@pytest.mark.parametrize("architecture", ["topk", "jumprelu", "batchtopk", "matryoshka"])
def test_planted_directions_are_found(architecture: str) -> None:
    spec = replace(SPEC, tokens=SIZE * 500)
    (made,), history = train_saes(
        batches, [replace(SHAPE, architecture=architecture)], spec, row=3, seed=0
    )
    scores, _ = score_rows(made.sae, [planted(2000, seed=2)[0]])
    # Directions of equal weight do not nest, so first latents that must do alone stay mixtures.
    nested = architecture == "matryoshka"
    assert scores["explained_variance"] > (0.8 if nested else 0.9)
    assert scores["l0"] == pytest.approx(ACTIVE, abs=0.5)
    found = (TRUTH @ made.sae.W_dec.T).max(axis=1)
    assert np.median(found) > (0.8 if nested else 0.95)
    np.testing.assert_allclose(np.linalg.norm(made.sae.W_dec, axis=1), 1, atol=1e-5)
    assert made.sae.row == 3
    assert history["unexplained"].iloc[-1] < history["unexplained"].iloc[0] / 4
    assert list(history["tokens"])[:-1] == [SIZE * training.LOG_EVERY] * (len(history) - 1)


def test_the_scale_of_training_is_folded_away() -> None:
    """The saved SAE on raw vectors is the trained one on scaled vectors, scaled back."""
    for architecture in ("topk", "jumprelu"):
        learner = Learner(
            replace(SHAPE, architecture=architecture), SPEC, torch.tensor(ROWS[:64]), 0
        )
        for update in range(20):
            learner.learn(torch.from_numpy(ROWS[64 * update : 64 * update + 64]), update)
        made = learner.trained(0)
        assert made.scale != pytest.approx(1, abs=0.1)
        inside = replace(
            made.sae,
            b_enc=made.sae.b_enc * made.scale,
            b_dec=made.sae.b_dec * made.scale,
            threshold=None if made.sae.threshold is None else made.sae.threshold * made.scale,
        )
        raw = made.sae.decode(made.sae.encode(ROWS[:50]))
        scaled = inside.decode(inside.encode(ROWS[:50] * np.float32(made.scale)))
        np.testing.assert_allclose(raw, scaled / made.scale, rtol=1e-3)


def test_training_starts_at_the_first_batch() -> None:
    first = torch.from_numpy(ROWS[:64])
    learner = Learner(SHAPE, SPEC, first, 0)
    spread = (first - first.mean(0)).square().sum(1).mean()
    assert learner.scale**-2 == pytest.approx(float(spread))
    torch.testing.assert_close(learner.weights.b_dec / learner.scale, first.mean(0))
    for kind in ("jumprelu", "batchtopk", "matryoshka"):
        made = Learner(replace(SHAPE, architecture=kind), SPEC, first, 0).weights
        torch.testing.assert_close(made.encoder, made.decoder)


def test_the_encoder_starts_as_the_multiple_of_the_decoder_that_explains_most() -> None:
    first = torch.from_numpy(ROWS[:64])
    learner = Learner(replace(SHAPE, k=8), SPEC, first, 0)
    w, x = learner.weights, first * learner.scale
    factor = float((w.encoder * w.decoder).sum() / w.decoder.square().sum())
    torch.testing.assert_close(w.encoder, factor * w.decoder)
    none_dead = torch.zeros(len(w.b_enc), dtype=torch.bool)

    def lost(times: float) -> float:
        other = replace(w, encoder=w.encoder * times)
        return step(other, x, none_dead, learner.aims).parts["unexplained"]

    # The transpose alone writes more than there is; the factor is the best one on either side.
    assert lost(1.0) < min(1.0, lost(1 / factor))
    assert lost(1.0) < min(lost(0.98), lost(1.02))


def test_an_update_weighs_the_same_whatever_the_size_of_its_loss() -> None:
    """Far from the data the gradient is longer by far; what Adam is given is not."""
    for push in (1e-3, 1.0, 30.0):
        learner = Learner(SHAPE, SPEC, torch.from_numpy(ROWS[:64]), 0)
        learner.weights.b_dec.add_(push)
        learner.learn(torch.from_numpy(ROWS[:64]), 0)
        given = torch.cat([mean.reshape(-1) for mean in learner.adam.mean])
        assert float(given.norm()) == pytest.approx(0.1, rel=1e-4)


def test_jumprelu_starts_with_k_latents_on_average() -> None:
    learner = Learner(replace(SHAPE, architecture="jumprelu"), SPEC, torch.from_numpy(ROWS[:64]), 0)
    z = learner.trained(0).sae.encode(ROWS[:64])
    assert (z > 0).sum(axis=1).mean() == pytest.approx(ACTIVE, abs=0.1)


def test_a_matryoshka_is_read_token_by_token_as_a_jumprelu_of_one_threshold() -> None:
    spec = replace(SPEC, tokens=SIZE * 300)
    (made,), _ = train_saes(
        batches, [replace(SHAPE, architecture="matryoshka")], spec, row=0, seed=0
    )
    assert made.sae.architecture == "jumprelu"
    assert made.sae.threshold is not None
    assert len(set(made.sae.threshold.tolist())) == 1
    # The first half alone says more than the second alone: it had to do without it.
    z, halves = made.sae.encode(ROWS), []
    for part in (slice(None, made.sae.latents // 2), slice(made.sae.latents // 2, None)):
        shown = z[:, part] @ made.sae.W_dec[part]
        halves.append(float(np.square(ROWS - made.sae.b_dec - shown).sum()))
    assert halves[0] < halves[1]


def test_an_sae_is_the_same_alone_and_beside_others() -> None:
    kinds = ("jumprelu", "batchtopk", "matryoshka")
    shapes = [SHAPE, replace(SHAPE, seed=1)]
    shapes += [replace(SHAPE, k=3, architecture=kind) for kind in kinds]
    together, history = train_saes(batches, shapes, SPEC, row=0, seed=5)
    for shape, made in zip(shapes, together, strict=True):
        (alone,), own = train_saes(batches, [shape], SPEC, row=0, seed=5)
        for name in ("W_enc", "b_enc", "W_dec", "b_dec"):
            np.testing.assert_array_equal(getattr(made.sae, name), getattr(alone.sae, name))
        assert history[history["sae"] == shape.name].reset_index(drop=True).equals(own)
    assert not np.array_equal(together[0].sae.W_dec, together[1].sae.W_dec)


@pytest.mark.parametrize("source", [batches, parts])
def test_a_killed_run_goes_on_to_the_same_bits(
    source: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between two saved states, in the second round over the stream."""
    monkeypatch.setattr(training, "SAVE_EVERY", 25)
    shapes = [SHAPE, replace(SHAPE, architecture="jumprelu")]
    whole, history = train_saes(source, shapes, SPEC, row=0, seed=0)
    calls = 0
    learn = Learner.learn

    def killed(self: Learner, x: torch.Tensor, update: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 2 * 60:
            raise KeyboardInterrupt
        learn(self, x, update)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "learn", killed)
        with pytest.raises(KeyboardInterrupt):
            train_saes(source, shapes, SPEC, row=0, seed=0, state_dir=tmp_path)
    seen: list[int] = []
    monkeypatch.setattr(
        Learner, "learn", lambda self, x, update: (seen.append(update), learn(self, x, update))
    )
    resumed, again = train_saes(source, shapes, SPEC, row=0, seed=0, state_dir=tmp_path)
    assert min(seen) == 50
    assert history.equals(again)
    for one, other in zip(whole, resumed, strict=True):
        for name in ("W_enc", "b_enc", "W_dec", "b_dec", "threshold"):
            np.testing.assert_array_equal(getattr(one.sae, name), getattr(other.sae, name))


def test_a_state_of_another_run_is_left_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(training, "SAVE_EVERY", 25)
    train_saes(batches, [SHAPE], SPEC, row=0, seed=0, state_dir=tmp_path)
    (other,), _ = train_saes(batches, [SHAPE], SPEC, row=0, seed=1, state_dir=tmp_path)
    (fresh,), _ = train_saes(batches, [SHAPE], SPEC, row=0, seed=1)
    assert "belongs to another run" in caplog.text
    np.testing.assert_array_equal(other.sae.W_dec, fresh.sae.W_dec)


def test_dead_latents_come_back_with_auxk_alone() -> None:
    """Most latents are silenced by their bias, and those left cannot say everything."""
    left, unexplained = {}, {}
    for aux in (0.0, 1 / 32):
        spec = replace(SPEC, aux=aux, tokens=SIZE * 300, dead_after=500)
        learner = Learner(SHAPE, spec, torch.from_numpy(ROWS[:64]), 0)
        learner.weights.b_enc[:26] = -1.0
        for update in range(300):
            place = 64 * (update % 40)
            learner.learn(torch.from_numpy(ROWS[place : place + 64]), update)
        left[aux] = int(learner.dead[:26].sum())
        unexplained[aux] = learner.row(300)["unexplained"]
    assert left[0.0] == 26
    assert left[1 / 32] <= 10
    assert unexplained[1 / 32] < 0.8 * unexplained[0.0]


def test_a_latent_is_dead_after_so_many_silent_tokens() -> None:
    learner = Learner(SHAPE, replace(SPEC, aux=0.0), torch.from_numpy(ROWS[:64]), 0)
    learner.weights.b_enc[0] = -100.0
    for update in range(15):
        learner.learn(torch.from_numpy(ROWS[64 * update : 64 * update + 64]), update)
    assert not learner.dead[0]  # 960 tokens
    learner.learn(torch.from_numpy(ROWS[:64]), 15)
    assert learner.dead[0]


def test_the_rate_rises_stays_and_falls() -> None:
    spec = SaeTraining(tokens=100_000, batch=1000, warmup=0.1, decay=0.2, learning_rate=2e-4)
    rates = [rate(spec, 1 << 14, update) for update in range(spec.updates)]
    assert rates[0] == pytest.approx(2e-5)
    assert rates[9:81] == pytest.approx([2e-4] * 72)
    assert rates[80:] == pytest.approx([2e-4 * left / 20 for left in range(20, 0, -1)])
    assert rate(spec, 1 << 12, 50) == pytest.approx(4e-4)


def test_the_decoder_gradient_along_its_rows_does_nothing() -> None:
    """Adam would turn a gradient along a row into a step that the renormalisation takes back."""
    learner = Learner(SHAPE, SPEC, torch.from_numpy(ROWS[:64]), 0)
    learner.learn(torch.from_numpy(ROWS[:64]), 0)
    mean = learner.adam.mean[list(learner.weights.named()).index("decoder")]
    before = Learner(SHAPE, SPEC, torch.from_numpy(ROWS[:64]), 0).weights.decoder
    assert mean.abs().max() > 0
    assert (mean * before).sum(1).abs().max() < 1e-6 * mean.norm()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (np.full((8, 4), np.nan, np.float32), "not finite"),
        (np.ones((8, 4), np.float32), "no two different"),
        (np.ones((1, 4), np.float32), "fewer than two tokens"),
    ],
)
def test_a_stream_that_teaches_nothing_is_refused(rows: np.ndarray, said: str) -> None:
    with pytest.raises(SaeTrainingError, match=said):
        train_saes(lambda number: [rows], [SHAPE], SPEC, row=0, seed=0)


def test_an_exploding_loss_names_the_update() -> None:
    def spoilt(number: int) -> list[np.ndarray]:
        return [ROWS[:64], ROWS[64:128], np.full_like(ROWS[:64], np.inf)]

    with pytest.raises(SaeTrainingError, match=r"update 3 of topk-x2-k2-seed0 is nan"):
        train_saes(spoilt, [SHAPE], SPEC, row=0, seed=0)


def test_k_above_the_latents_is_refused() -> None:
    with pytest.raises(SaeTrainingError, match="k is above its 32 latents"):
        train_saes(batches, [replace(SHAPE, k=33)], SPEC, row=0, seed=0)
