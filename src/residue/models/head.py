"""The last step of a model as plain arrays: norms, unembedding, cap; no torch, no transformers.

`logits(rows) = softcap · tanh(W · norm(rows) / softcap)`, the cap only where a model has one.
Lenses apply the same step to every row, so metrics and figures need this file and no model.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residue.models.layouts import Layout, layout_of

Array = NDArray[np.float32]


@dataclass(frozen=True)
class HeadShape:
    """What arch.json holds."""

    model_type: str
    n_blocks: int
    width: int
    vocabulary: int
    norm: str
    """`rms`, `rms-plus-one` or `layer`; see `residue.models.layouts`."""
    norm_eps: float
    softcap: float | None
    embedding_scale: float
    """Factor between stored embeddings and row 0."""
    tied: bool
    paths: dict[str, str]
    """Readable name → module path in the live model."""


@dataclass(frozen=True)
class Head:
    """Norms and unembedding of one model. Tensors by name: `norm_<l>.weight`, `final_norm.weight`,
    `unembedding.weight` and, where the architecture has them, `.bias`; all float32."""

    shape: HeadShape
    tensors: dict[str, Array]

    def logits(self, rows: Array) -> Array:
        """Logits of pre-norm rows (..., width) -> (..., vocabulary)."""
        return self.unembed(self.normed(rows, "final_norm"))

    def unembed(self, states: Array) -> Array:
        """Logits of states (..., width) that a norm has left, with the model's bias and cap."""
        values = states @ self.tensors["unembedding.weight"].T
        if "unembedding.bias" in self.tensors:
            values = values + self.tensors["unembedding.bias"]
        cap = self.shape.softcap
        capped: Array = values if cap is None else cap * np.tanh(values / cap)
        return capped

    def normed(self, rows: Array, norm: str) -> Array:
        """Rows (..., width) after the named norm (`final_norm` or `norm_<l>`)."""
        weight = self.tensors[f"{norm}.weight"]
        if self.shape.norm == "layer":
            rows = rows - rows.mean(axis=-1, keepdims=True)
        scale = np.sqrt(np.square(rows).mean(axis=-1, keepdims=True) + self.shape.norm_eps)
        gain = weight + 1.0 if self.shape.norm == "rms-plus-one" else weight
        result: Array = rows / scale * gain
        if f"{norm}.bias" in self.tensors:
            result = result + self.tensors[f"{norm}.bias"]
        return result

    def save(self, head_file: Path, arch_file: Path) -> None:
        """Write head.safetensors and arch.json."""
        from safetensors.numpy import save_file

        save_file(self.tensors, head_file)
        text = json.dumps(asdict(self.shape), indent=2, sort_keys=True)
        arch_file.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, head_file: Path, arch_file: Path) -> Head:
        """Read what `save` wrote."""
        from safetensors.numpy import load_file

        shape = HeadShape(**json.loads(arch_file.read_text(encoding="utf-8")))
        return cls(shape=shape, tensors=load_file(head_file))


def read_head(folder: str | Path, own: Mapping[str, Any] | None = None) -> Head:
    """The head of a saved `transformers` model, read from its config and weight files alone.

    own: the layout of the user's config, see `layouts.changed`. Raises `ValueError` naming the
    file when the architecture is unknown or a tensor is absent.
    """
    path = Path(folder)
    config: dict[str, Any] = json.loads((path / "config.json").read_text(encoding="utf-8"))
    kind = str(config.get("model_type"))
    stored = _Stored(path)
    try:
        layout = layout_of(kind, own, stored.roots())
    except ValueError as error:
        raise ValueError(f"{path / 'config.json'}: {error}") from None
    n_blocks = int(config.get("num_hidden_layers", config.get("n_layer", 0)))
    tensors: dict[str, Array] = {}
    for name, module in layout.paths(n_blocks).items():
        if name in ("embedding", "unembedding"):
            continue
        tensors |= stored.module(name, module)
    tied = not (stored.has(layout.unembedding) or stored.has(layout.stored_unembedding))
    tensors |= stored.module("unembedding", _unembedding(layout, stored, tied))
    vocabulary, width = tensors["unembedding.weight"].shape
    shape = HeadShape(
        model_type=kind,
        n_blocks=n_blocks,
        width=int(width),
        vocabulary=int(vocabulary),
        norm=layout.norm,
        norm_eps=float(config[layout.norm_eps]),
        softcap=config.get("final_logit_softcapping"),
        embedding_scale=float(width) ** 0.5 if layout.scaled_embedding else 1.0,
        tied=tied,
        paths=layout.paths(n_blocks),
    )
    return Head(shape=shape, tensors=tensors)


def _unembedding(layout: Layout, stored: _Stored, tied: bool) -> str:
    if tied:
        return layout.embedding
    return layout.unembedding if stored.has(layout.unembedding) else layout.stored_unembedding


_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


class _Stored:
    """Tensors of a folder's safetensors files, read one by one as float32 (bfloat16 too)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._where = dict(_headers(folder))
        if not self._where:
            raise ValueError(f"{folder} holds no .safetensors weights")

    def roots(self) -> str:
        """Names of tensors without numbers and last parts, for messages."""
        names = {re.sub(r"\.\d+\..*", ".N", name).removesuffix(".weight") for name in self._where}
        return ", ".join(sorted(names))

    def has(self, module: str) -> bool:
        return bool(module) and self._key(f"{module}.weight") is not None

    def module(self, name: str, module: str) -> dict[str, Array]:
        """`name.weight` and, where stored, `name.bias` of a module."""
        if not self.has(module):
            raise ValueError(
                f"the weights in {self._folder} hold no {module}.weight; the first of "
                f"{len(self._where)} tensors is {next(iter(self._where))}"
            )
        parts = (("weight", self._key(f"{module}.weight")), ("bias", self._key(f"{module}.bias")))
        return {f"{name}.{part}": self._read(key) for part, key in parts if key is not None}

    def _key(self, key: str) -> str | None:
        # Some published files leave out the outermost module's name.
        for known in (key, key.partition(".")[2]):
            if known in self._where:
                return known
        return None

    def _read(self, key: str) -> Array:
        file, start, entry = self._where[key]
        if entry["dtype"] not in _DTYPES:
            raise ValueError(
                f"{file}: {key} is stored as {entry['dtype']}; save the head in float32"
            )
        begin, end = entry["data_offsets"]
        with file.open("rb") as source:
            source.seek(start + begin)
            raw = np.frombuffer(source.read(end - begin), dtype=_DTYPES[entry["dtype"]])
        if entry["dtype"] == "BF16":
            raw = (raw.astype(np.uint32) << 16).view(np.float32)
        return raw.astype(np.float32).reshape(entry["shape"])


def _headers(folder: Path) -> Iterator[tuple[str, tuple[Path, int, dict[str, Any]]]]:
    """Tensor name → (file, start of data, header entry); the safetensors format, version 1."""
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as source:
            (length,) = struct.unpack("<Q", source.read(8))
            header = json.loads(source.read(length))
        for name, entry in header.items():
            if name != "__metadata__":
                yield name, (file, 8 + length, entry)
