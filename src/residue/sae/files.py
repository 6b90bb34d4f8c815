"""SAEs on disk: folders that SAELens loads to the bit, read back only where everything fits.

cfg.json and sae_weights.safetensors as SAELens 6 writes them. The scale of training is folded away
(`normalize_activations: none`), so that weights are in units of the raw residual stream. Who made
the SAE, from which model and row, stands in the metadata, which SAELens keeps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from residue.core.artifacts import read_json, write_json
from residue.core.provenance import file_digest
from residue.sae.models import ARCHITECTURES, Sae

CONFIG = "cfg.json"
WEIGHTS = "sae_weights.safetensors"
FORMAT = "6.54.12"
"""Version of SAELens whose form this is; without one it would take the folder for an old one and
lose the metadata."""
TENSORS = ("W_enc", "W_dec", "b_dec", "b_enc")
OURS = ("residue_row", "residue_model_sha256", "residue_k")
"""Metadata that `load_sae` compares; without them it refuses the folder."""
UNIT_NORM = 1e-3
"""Largest departure of a decoder row's norm from 1, far above float32's rounding."""


class SaeFileError(ValueError):
    """An SAE folder that does not fit; the message names the file, what it says and the mend."""


def weights_sha256(files: Iterable[str | Path]) -> str:
    """One digest of a model's weights, from its .safetensors files in the order of their names.

    Of one file, that file's own SHA-256; of several, the SHA-256 of theirs.
    """
    named = sorted((Path(each) for each in files), key=lambda path: path.name)
    digests = [file_digest(path) for path in named if path.suffix == ".safetensors"]
    if not digests:
        raise FileNotFoundError("the model has no .safetensors weights; save it there again")
    if len(digests) == 1:
        return str(digests[0])
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def save_sae(folder: str | Path, sae: Sae, metadata: Mapping[str, Any]) -> None:
    """Write cfg.json and the weights; `metadata` is ours, e.g. seed, tokens and scale of training.

    Needs ``model_name``, ``hook_name`` and ``residue_model_sha256`` in `metadata`.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    write_config(place / CONFIG, sae, metadata)
    write_weights(place / WEIGHTS, sae)


def write_config(file: Path, sae: Sae, metadata: Mapping[str, Any]) -> None:
    """cfg.json of an SAE."""
    config: dict[str, Any] = {
        "architecture": sae.architecture,
        "d_in": sae.width,
        "d_sae": sae.latents,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {
            "sae_lens_version": FORMAT,
            "sae_lens_training_version": None,
            "model_class_name": "AutoModelForCausalLM",
            "model_from_pretrained_kwargs": {},
            "hook_head_index": None,
            "context_size": None,
            "prepend_bos": True,
            "seqpos_slice": [None],
            "dataset_path": None,
            "exclude_special_tokens": True,
            "neuronpedia_id": None,
            **metadata,
            "residue_row": sae.row,
            "residue_k": sae.k,
        },
    }
    if sae.architecture == "topk":
        config |= {"k": sae.k, "rescale_acts_by_decoder_norm": False}
    write_json(file, config)


def write_weights(file: Path, sae: Sae) -> None:
    """sae_weights.safetensors of an SAE, float32."""
    from safetensors.numpy import save_file

    named = {name: getattr(sae, name) for name in TENSORS}
    if sae.threshold is not None:
        named["threshold"] = sae.threshold
    arrays = {n: np.ascontiguousarray(value, dtype=np.float32) for n, value in named.items()}
    save_file(arrays, file)


def load_sae(
    folder: str | Path, *, width: int, row: int, model_sha256: str, k: int | None = None
) -> Sae:
    """Read an SAE that must be of this width, row and model (`weights_sha256`), and of this k if
    one is given.

    Raises `SaeFileError` for a folder of another model, row, width or k, for an unknown, missing or
    misshapen tensor, for options that change the code and are not read here, and for decoder rows
    that do not have norm 1.
    """
    place = Path(folder)
    file = place / CONFIG
    config = read_json(file)
    metadata = config.get("metadata") or {}
    missing = [name for name in OURS if name not in metadata]
    if missing:
        raise SaeFileError(
            f"{file}: metadata.{missing[0]} is missing, so nothing says which model and row this "
            "SAE belongs to; train it here, or add the three residue_ keys"
        )
    wanted = {"metadata.residue_model_sha256": model_sha256, "metadata.residue_row": row}
    found = {f"metadata.{name}": metadata[name] for name in OURS}
    wanted |= {"d_in": width} | ({"metadata.residue_k": k} if k is not None else {})
    found |= {name: config.get(name) for name in ("d_in", "d_sae", "architecture", "k")}
    for name, value in wanted.items():
        if found[name] != value:
            raise SaeFileError(
                f"{file}: {name} is {found[name]}, but {value} is needed; name the SAE of this "
                "model and row, or train it anew"
            )
    _refuse_options(file, config)
    sae = Sae(
        architecture=config["architecture"],
        k=int(metadata["residue_k"]),
        row=row,
        metadata=metadata,
        **_tensors(place / WEIGHTS, config),
    )
    norms = np.linalg.norm(sae.W_dec, axis=1)
    worst = int(np.abs(norms - 1).argmax())
    if abs(norms[worst] - 1) > UNIT_NORM:
        raise SaeFileError(
            f"{place / WEIGHTS}: row {worst} of W_dec has norm {norms[worst]:.4g}, not 1; fold the "
            "decoder's norms into the encoder first"
        )
    return sae


def _refuse_options(file: Path, config: Mapping[str, Any]) -> None:
    """Options of SAELens under which the same weights mean another code."""
    if config.get("architecture") not in ARCHITECTURES:
        raise SaeFileError(
            f"{file}: architecture is {config.get('architecture')!r}; only "
            f"{' and '.join(ARCHITECTURES)} are read"
        )
    fixed = {
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "dtype": "float32",
    }
    if config["architecture"] == "topk":
        fixed |= {"rescale_acts_by_decoder_norm": False, "k": config["metadata"]["residue_k"]}
    for name, value in fixed.items():
        if config.get(name) != value:
            raise SaeFileError(
                f"{file}: {name} is {config.get(name)!r}, which this program does not read; fold "
                f"it into the weights and write {value!r}"
            )


def _tensors(file: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    width, latents = config["d_in"], config["d_sae"]
    shapes: dict[str, tuple[int, ...]] = {
        "W_enc": (width, latents),
        "b_enc": (latents,),
        "W_dec": (latents, width),
        "b_dec": (width,),
    }
    if config["architecture"] == "jumprelu":
        shapes["threshold"] = (latents,)
    try:
        tensors: dict[str, Any] = load_file(file)
    except SafetensorError as error:
        raise SaeFileError(f"{file} is not whole ({error}); make the SAE again") from error
    for name in sorted(set(shapes) ^ set(tensors)):
        fault = "lacks the tensor" if name in shapes else "holds the unknown tensor"
        raise SaeFileError(
            f"{file} {fault} '{name}'; {config['architecture']} has {', '.join(shapes)}"
        )
    for name, shape in shapes.items():
        value = tensors[name]
        if value.shape != shape or value.dtype != np.float32:
            raise SaeFileError(
                f"{file}: {name} is {value.dtype} of shape {value.shape}, but {CONFIG} says "
                f"float32 of shape {shape}; the two files are not of one SAE"
            )
        if not np.isfinite(value).all():
            raise SaeFileError(f"{file}: {name} holds a value that is not finite; train it anew")
    return tensors
