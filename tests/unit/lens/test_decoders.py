"""Each lens is the model's own head where it must be, and its formula elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from residue.core import methods
from residue.lens.decoders import jacobian, next_norm, prism, raw, temperature, tuned
from residue.models.head import Head
from residue.specs.lens import CONTROLS, DECODERS, FITS, LIVE, LensSpec
from tests.unit.lens_rows import BLOCKS, WIDTH, identity_tensors, some_rows

ALL = methods.names(DECODERS)


@pytest.mark.parametrize("name", [name for name in ALL if name != "raw"])
def test_at_the_last_row_a_lens_is_the_models_own_head(name: str, head: Head) -> None:
    """Softcap, scale and bias included; the raw lens alone leaves the norm out."""
    rows = some_rows(7)
    logits = methods.load(DECODERS, name).decode(rows, BLOCKS, head, identity_tensors())
    np.testing.assert_allclose(logits, head.logits(rows), rtol=1e-6)


@pytest.mark.parametrize("name", ["bias_only", "tuned", "jacobian", "prism"])
def test_an_untrained_translation_is_the_logit_lens(name: str, head: Head) -> None:
    rows = some_rows(7)
    for row in range(BLOCKS):
        logits = methods.load(DECODERS, name).decode(rows, row, head, identity_tensors())
        np.testing.assert_allclose(logits, head.logits(rows), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in ALL if name != "temperature"])
def test_logits_are_the_unembedded_state(name: str, head: Head) -> None:
    decoder, rows = methods.load(DECODERS, name), some_rows(5)
    for row in range(BLOCKS + 1):
        state = decoder.state(rows, row, head, identity_tensors())
        logits = decoder.decode(rows, row, head, identity_tensors())
        assert logits.dtype == np.float32
        np.testing.assert_allclose(logits, head.unembed(state), rtol=1e-6)


def test_the_next_norm_is_that_of_the_block_that_reads_the_row(head: Head) -> None:
    rows = some_rows(4)
    for row in range(BLOCKS):
        expected = head.unembed(head.normed(rows, f"norm_{row}"))
        np.testing.assert_array_equal(next_norm.decode(rows, row, head, {}), expected)


def test_the_raw_lens_scales_with_the_row(plain_head: Head) -> None:
    rows = some_rows(4)
    doubled = raw.decode(2.0 * rows, 1, plain_head, {})
    np.testing.assert_allclose(doubled, 2.0 * raw.decode(rows, 1, plain_head, {}), rtol=1e-5)


def test_a_temperature_divides_what_the_norm_lens_says(plain_head: Head) -> None:
    rows = some_rows(4)
    tensors = {"row_1.temperature": np.array([4.0], np.float32)}
    expected = next_norm.decode(rows, 1, plain_head, {}) / 4.0
    np.testing.assert_allclose(temperature.decode(rows, 1, plain_head, tensors), expected)


def test_maps_act_on_vectors_not_on_their_transposes(plain_head: Head) -> None:
    rng = np.random.default_rng(1)
    matrix, bias = (rng.normal(size=s).astype(np.float32) for s in ((WIDTH, WIDTH), WIDTH))
    rows = some_rows(1)
    tensors = {"row_1.matrix": matrix, "row_1.bias": bias}
    wanted = plain_head.logits(rows + (matrix @ rows[0] + bias)[None])
    np.testing.assert_allclose(tuned.decode(rows, 1, plain_head, tensors), wanted, rtol=1e-4)
    wanted = plain_head.logits((matrix @ rows[0])[None])
    np.testing.assert_allclose(jacobian.decode(rows, 1, plain_head, tensors), wanted, rtol=1e-4)


def test_the_prism_undoes_a_rotation_between_whitened_rows(plain_head: Head) -> None:
    rng = np.random.default_rng(3)
    turn, _ = np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))
    final = some_rows(6)
    rows = (final @ turn).astype(np.float32)
    tensors = identity_tensors() | {"rotation": turn.T.astype(np.float32)}
    np.testing.assert_allclose(
        prism.decode(rows, 1, plain_head, tensors), plain_head.logits(final), rtol=1e-4, atol=1e-4
    )


def test_every_name_that_the_config_knows_has_its_files() -> None:
    assert set(LensSpec().decoders) < set(ALL)
    assert set(methods.names(DECODERS)) == set(ALL)
    assert set(methods.names(FITS)) | {LIVE} < set(ALL)
    for name, control in CONTROLS.items():
        assert {name, control} <= set(methods.names(FITS))
