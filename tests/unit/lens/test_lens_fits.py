"""Fits find what was hidden for them, and say when there was nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.optimize import minimize_scalar

from residue.core import methods
from residue.lens.artefacts import Fitted, load_fitted, save_fitted, spectrum_notes
from residue.lens.distil import TorchHead
from residue.lens.divergence import kl_bits, log_softmax
from residue.lens.fits.prism import procrustes
from residue.lens.fits.temperature import best_temperature
from residue.lens.judging import Lens, judge
from residue.models.head import Head
from residue.specs.fields import plain
from residue.specs.lens import DECODERS, FITS, LensSpec, fit_part
from tests.unit.lens_rows import BLOCKS, WIDTH, some_rows

Rows = Callable[[], dict[int, Any]]
SECTION = plain(LensSpec())


def fitted(name: str, stream: Any, head: Head, section: dict[str, Any] = SECTION) -> Lens:
    made = methods.load(FITS, name).fit(stream, head, fit_part(section, name), 0)
    return Lens(name, methods.load(DECODERS, name), made)


def report(lens: Lens, control: Lens | None, stream: Any, corpus: Any, head: Head) -> pd.DataFrame:
    made = judge(lens, control, stream, corpus, head, level=0.95, pair=0, role="base")
    return made.to_pandas().set_index("row")


def test_the_torch_head_is_the_head(head: Head) -> None:
    rows = some_rows(9)
    logits = TorchHead(head).logits(torch.from_numpy(rows)).numpy()
    np.testing.assert_allclose(logits, head.logits(rows), rtol=1e-5, atol=1e-5)


def test_the_tuned_lens_learns_a_turned_basis_and_its_control_cannot(
    make_stream: Any, rotated: Rows, plain_head: Head, corpus: pd.DataFrame
) -> None:
    stream = make_stream(rotated())
    control, tuned = (fitted(name, stream, plain_head) for name in ("bias_only", "tuned"))
    judged = report(tuned, control, stream, corpus, plain_head)
    turned = judged.loc[1]
    assert turned["versus_control_high"] < 0.0
    assert turned["kl_from_final"] < 0.25 * turned["next_norm"]
    assert turned["status"] == "accepted"
    assert (judged.loc[[0, 1, 2], ["gradient_matrix", "gradient_bias"]] > 0.0).all(axis=None)
    assert turned["effective_rank"] > WIDTH / 2
    assert len(turned["spectrum"]) == WIDTH
    assert report(control, None, stream, corpus, plain_head).loc[1, "control"] == ""


def test_rows_that_say_nothing_are_not_accepted_as_knowledge(
    make_stream: Any, rotated: Rows, plain_head: Head, corpus: pd.DataFrame
) -> None:
    """On noise the tuned lens can learn the mean law, as its control can, and no more."""
    stream = make_stream(rotated())
    control, tuned = (fitted(name, stream, plain_head) for name in ("bias_only", "tuned"))
    noise = report(tuned, control, stream, corpus, plain_head).loc[0]
    assert noise["kl_from_final"] > 0.5 * noise["next_norm"] / 3.0
    assert noise["kl_from_final_fit"] <= noise["kl_from_final"] + 0.05


def test_a_prism_finds_the_one_rotation_of_a_stream(
    make_stream: Any, rotated: Rows, plain_head: Head, corpus: pd.DataFrame
) -> None:
    rows = rotated()
    prism = fitted("prism", make_stream({1: rows[1], 3: rows[3]}), plain_head)
    turn = prism.fitted.tensors["rotation"]
    np.testing.assert_allclose(turn @ turn.T, np.eye(WIDTH), atol=1e-5)
    both = make_stream({row: rows[row] for row in (0, 2, 3)})
    # Row 2 is row 3 thrice: whitening undoes it, and the rotation is nearly none.
    judged = report(fitted("prism", both, plain_head), None, both, corpus, plain_head)
    assert judged.loc[2, "kl_from_final"] < 0.2 * judged.loc[0, "kl_from_final"]


def test_procrustes_maximises_over_rotations() -> None:
    rng = np.random.default_rng(0)
    cross = rng.normal(size=(6, 6))
    best = procrustes(cross)
    np.testing.assert_allclose(best.T @ best, np.eye(6), atol=1e-12)
    for _ in range(50):
        other, _ = np.linalg.qr(rng.normal(size=(6, 6)))
        assert np.trace(other.T @ cross) <= np.trace(best.T @ cross) + 1e-9


@pytest.mark.parametrize("scale", [0.2, 1.0, 3.0])
def test_the_temperature_is_the_minimum_that_scipy_finds(scale: float) -> None:
    rng = np.random.default_rng(4)
    teacher = rng.normal(size=(200, 30)).astype(np.float32)
    logits = (scale * (teacher + 0.3 * rng.normal(size=teacher.shape))).astype(np.float32)
    law = log_softmax(teacher)

    def distance(tau: float) -> float:
        return float(kl_bits(law, log_softmax(logits / tau)).mean())

    found = best_temperature(logits, np.exp(law), 0.01, 100.0)
    wanted = minimize_scalar(distance, bounds=(0.01, 100.0), method="bounded")
    assert distance(found) <= wanted.fun + 1e-6


@pytest.mark.parametrize(("scale", "bound"), [(1e-4, 0.05), (1e5, 20.0)])
def test_a_temperature_at_its_bound_says_so(
    scale: float, bound: float, make_stream: Any, plain_head: Head
) -> None:
    final = some_rows(300)
    weak = Head(
        plain_head.shape,
        plain_head.tensors | {"norm_0.weight": scale * plain_head.tensors["final_norm.weight"]},
    )
    lens = fitted("temperature", make_stream({0: final, BLOCKS: final}), weak)
    assert lens.fitted.notes[0]["temperature"] == pytest.approx(bound, rel=1e-4)
    assert lens.fitted.notes[0]["at_bound"]
    assert not lens.fitted.notes[BLOCKS]["at_bound"]
    assert lens.fitted.notes[BLOCKS]["temperature"] == pytest.approx(1.0, abs=1e-3)


def test_the_same_seed_gives_the_same_tensors(
    make_stream: Any, rotated: Rows, plain_head: Head, tmp_path: Any
) -> None:
    stream = make_stream(rotated())
    few = SECTION | {"distil": SECTION["distil"] | {"steps": 5}}
    for number in (0, 1):
        save_fitted(tmp_path / str(number), fitted("tuned", stream, plain_head, few).fitted)
    assert (tmp_path / "0").read_bytes() == (tmp_path / "1").read_bytes()
    assert set(load_fitted(tmp_path / "0").tensors) == {
        f"row_{row}.{part}" for row in range(BLOCKS) for part in ("matrix", "bias")
    }


def test_notes_come_back_with_the_tensors(tmp_path: Any) -> None:
    made = Fitted({"row_0.bias": np.ones(2, np.float32)}, {0: spectrum_notes(np.eye(2))}, 7)
    save_fitted(tmp_path / "file", made)
    again = load_fitted(tmp_path / "file")
    assert (again.notes, again.n) == (made.notes, 7)
    np.testing.assert_array_equal(again.tensors["row_0.bias"], [1.0, 1.0])


def test_the_report_is_exact_at_the_last_row_and_counts(
    make_stream: Any, rotated: Rows, plain_head: Head, corpus: pd.DataFrame
) -> None:
    stream = make_stream(rotated())
    lens = Lens("final_norm", methods.load(DECODERS, "final_norm"), Fitted())
    judged = report(lens, None, stream, corpus, plain_head)
    last = judged.loc[BLOCKS]
    assert (last["kl_from_final"], last["low"], last["high"]) == (0.0, 0.0, 0.0)
    assert last["status"] == "equal"
    assert set(judged["n_held_out"]) == {200}
    assert set(judged["n_texts"]) == {40}
    assert set(judged["n_clusters"]) == {4}
    law = log_softmax(plain_head.logits(stream.read(BLOCKS, "held_out")).astype(np.float64))
    read = log_softmax(plain_head.logits(stream.read(1, "held_out")).astype(np.float64))
    assert judged.loc[1, "kl_from_final"] == pytest.approx(kl_bits(law, read).mean(), rel=1e-5)
    assert judged.loc[1, "kl_to_final"] == pytest.approx(kl_bits(read, law).mean(), rel=1e-5)


def test_effective_rank_counts_directions() -> None:
    assert spectrum_notes(np.diag([2.0, 2.0, 2.0, 0.0]))["effective_rank"] == pytest.approx(3.0)
    assert spectrum_notes(np.zeros((4, 4)))["effective_rank"] == 0.0
