"""Folders that SAELens reads to the bit, and a loader that takes nothing on trust.

RESIDUE_SAELENS=/path/to/python runs the comparison anew under a Python that has sae-lens.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from residue.sae.files import SaeFileError, load_sae, save_sae, weights_sha256
from residue.sae.models import Sae
from tests.unit.sae.conftest import ROW, WIDTH, K

FROZEN = Path(__file__).parent / "saelens"
MODEL = "0" * 64
ORIGIN = {"model_name": "tiny", "hook_name": "model.layers.1", "residue_model_sha256": MODEL}
BOTH = pytest.mark.parametrize("architecture", ["topk", "jumprelu"])


@BOTH
def test_codes_and_reconstructions_are_those_of_saelens_to_the_bit(architecture: str) -> None:
    theirs = load_file(FROZEN / f"{architecture}.safetensors")
    sae = load_sae(FROZEN / architecture, width=6, row=3, model_sha256=MODEL, k=4)
    z = sae.live.encode(torch.from_numpy(theirs["h"]))
    np.testing.assert_array_equal(z.numpy(), theirs["z"])
    np.testing.assert_array_equal(sae.live.decode(z).numpy(), theirs["reconstruction"])
    np.testing.assert_allclose(sae.encode(theirs["h"]), theirs["z"], atol=1e-6)


@BOTH
def test_the_writer_makes_the_frozen_folder_to_the_byte(architecture: str, tmp_path: Path) -> None:
    """So what SAELens read then is what the writer writes now."""
    sae = load_sae(FROZEN / architecture, width=6, row=3, model_sha256=MODEL)
    save_sae(tmp_path, sae, sae.metadata)
    for name in ("cfg.json", "sae_weights.safetensors"):
        assert (tmp_path / name).read_bytes() == (FROZEN / architecture / name).read_bytes()


@pytest.mark.skipif("RESIDUE_SAELENS" not in os.environ, reason="needs a Python with sae-lens")
@BOTH
def test_saelens_itself_reads_a_folder_to_the_bit(
    architecture: str, make_sae: Callable[..., Sae], rows: np.ndarray, tmp_path: Path
) -> None:
    sae = make_sae(architecture)
    save_sae(tmp_path / "sae", sae, ORIGIN)
    np.save(tmp_path / "rows.npy", rows)
    script = Path(__file__).with_name("saelens_reference.py")
    made = tmp_path / "made.safetensors"
    subprocess.run(
        [os.environ["RESIDUE_SAELENS"], script, tmp_path / "sae", tmp_path / "rows.npy", made],
        check=True,
    )
    theirs = load_file(made)
    with safe_open(made, framework="np") as stored:
        assert stored.metadata()["row"] == str(ROW)
        assert stored.metadata()["hook_name"] == ORIGIN["hook_name"]
    z = sae.live.encode(torch.from_numpy(rows))
    np.testing.assert_array_equal(z.numpy(), theirs["z"])
    np.testing.assert_array_equal(sae.live.decode(z).numpy(), theirs["reconstruction"])


@BOTH
def test_a_saved_sae_comes_back_to_the_bit(
    architecture: str, make_sae: Callable[..., Sae], tmp_path: Path
) -> None:
    sae = make_sae(architecture)
    save_sae(tmp_path, sae, ORIGIN)
    read = load_sae(tmp_path, width=WIDTH, row=ROW, model_sha256=MODEL, k=K)
    for name in ("W_enc", "b_enc", "W_dec", "b_dec", "threshold"):
        np.testing.assert_array_equal(getattr(read, name), getattr(sae, name))
    assert (read.k, read.row, read.architecture) == (K, ROW, architecture)
    assert read.metadata["hook_name"] == "model.layers.1"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"width": 9}, "d_in is 8, but 9 is needed"),
        ({"row": 3}, "residue_row is 2, but 3 is needed"),
        ({"model_sha256": "f" * 64}, "residue_model_sha256 is 0000"),
        ({"k": 6}, "residue_k is 5, but 6 is needed"),
    ],
)
def test_an_sae_of_something_else_is_refused(
    asked: dict[str, object], said: str, make_sae: Callable[..., Sae], tmp_path: Path
) -> None:
    save_sae(tmp_path, make_sae(), ORIGIN)
    with pytest.raises(SaeFileError, match=said):
        load_sae(tmp_path, **{"width": WIDTH, "row": ROW, "model_sha256": MODEL, **asked})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"normalize_activations": "layer_norm"}, "normalize_activations is 'layer_norm'"),
        ({"apply_b_dec_to_input": False}, "apply_b_dec_to_input is False"),
        ({"rescale_acts_by_decoder_norm": True}, "rescale_acts_by_decoder_norm is True"),
        ({"architecture": "gated"}, "architecture is 'gated'"),
        ({"k": 6}, "k is 6"),
        ({"dtype": "bfloat16"}, "dtype is 'bfloat16'"),
        ({"d_sae": 31}, r"W_dec is float32 of shape \(30, 8\)|W_enc|b_enc"),
        ({"metadata": {}}, "residue_row is missing"),
    ],
)
def test_a_config_under_which_the_code_would_differ_is_refused(
    change: dict[str, object], said: str, make_sae: Callable[..., Sae], tmp_path: Path
) -> None:
    save_sae(tmp_path, make_sae(), ORIGIN)
    file = tmp_path / "cfg.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(SaeFileError, match=said):
        load_sae(tmp_path, width=WIDTH, row=ROW, model_sha256=MODEL)


def test_every_tensor_is_checked(make_sae: Callable[..., Sae], tmp_path: Path) -> None:
    save_sae(tmp_path, make_sae(), ORIGIN)
    file = tmp_path / "sae_weights.safetensors"
    good = load_file(file)
    doubled = good["W_dec"].copy()
    doubled[3] *= 2
    spoilt = {
        "lacks the tensor 'b_enc'": {n: v for n, v in good.items() if n != "b_enc"},
        "unknown tensor 'threshold'": good | {"threshold": good["b_enc"]},
        r"W_enc is float32 of shape \(30, 8\)": good | {"W_enc": good["W_enc"].T.copy()},
        "b_dec is float64": good | {"b_dec": good["b_dec"].astype(np.float64)},
        "b_enc holds a value that is not finite": good | {"b_enc": good["b_enc"] * np.nan},
        "row 3 of W_dec has norm 2": good | {"W_dec": doubled},
    }
    for said, tensors in spoilt.items():
        save_file(tensors, file)
        with pytest.raises(SaeFileError, match=said):
            load_sae(tmp_path, width=WIDTH, row=ROW, model_sha256=MODEL)
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(SaeFileError, match="is not whole"):
        load_sae(tmp_path, width=WIDTH, row=ROW, model_sha256=MODEL)


def test_a_model_of_one_file_is_named_by_its_digest(tmp_path: Path) -> None:
    import hashlib

    (tmp_path / "a.safetensors").write_bytes(b"one")
    (tmp_path / "config.json").write_bytes(b"{}")
    one = weights_sha256(tmp_path.iterdir())
    assert one == hashlib.sha256(b"one").hexdigest()
    (tmp_path / "b.safetensors").write_bytes(b"two")
    both = weights_sha256(sorted(tmp_path.iterdir(), reverse=True))
    assert both == weights_sha256(tmp_path.iterdir()) != one
    with pytest.raises(FileNotFoundError, match=r"no \.safetensors"):
        weights_sha256([tmp_path / "config.json"])
