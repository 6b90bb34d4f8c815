"""Config section `model`: where the base and its oracle come from. Torch-free."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from residue.specs.fields import SpecError
from residue.specs.outputs import Outputs

_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")


@dataclass(frozen=True)
class LayoutSpec:
    """Where an architecture keeps its parts, as module paths from the causal model's root, for one
    that residue does not know; what is left out is as in `like`."""

    like: str = "llama"
    """A known model_type whose layout the others change: llama, qwen2, gemma2, gpt2, gpt_neox."""

    blocks: str | None = None
    """The list of blocks, e.g. model.layers."""

    block_norm: str | None = None
    """The norm at the input of a block's attention, relative to the block."""

    final_norm: str | None = None
    """The norm before the unembedding."""

    embedding: str | None = None
    """The token embeddings."""

    unembedding: str | None = None
    """The linear layer that gives the logits."""

    norm: Literal["rms", "rms-plus-one", "layer"] | None = None
    """What the norms compute; `rms-plus-one` scales by 1 + weight."""

    norm_eps: str | None = None
    """Key of config.json that holds the norms' epsilon."""

    added: tuple[str, ...] | None = None
    """Modules of a block whose outputs it adds to its input."""


@dataclass(frozen=True)
class LoadSpec:
    """How a model's files become a model; part of what every job that opens one depends on."""

    dtype: Literal["float32", "auto", "bfloat16", "float16"] = "float32"
    """Number format of the weights: `auto` is the checkpoint's own on a card and float32 on the
    CPU, where half formats are slower; a format that the device lacks is replaced, and the log and
    the manifest say so."""

    weights: Literal["full", "nf4"] = "full"
    """How linear layers of the blocks are held: `nf4` packs each as it is read (4.1 bits a weight)
    for training, attacks, recording and streams alike, so a model of 3 billion parameters works in
    6 GB. Every number is then one of the rounded model; nothing can be merged into its weights."""

    attention: Literal["default", "eager", "sdpa", "flash_attention_2"] = "default"
    """How attention is computed: `default` is what transformers picks for the architecture, `eager`
    the plain formula; a faster one saves memory on long prompts and rounds differently."""

    layout: LayoutSpec | None = None
    """Module paths for an architecture that residue does not know; null looks it up by
    model_type."""


@dataclass(frozen=True)
class ModelSpec:
    """The models that arms edit and are compared with."""

    source: Literal["embedded", "local", "hub", "records"] = "embedded"
    """`embedded` pretrains base and oracle on the world's text; `local` takes a folder that
    transformers loads; `hub` downloads one once. The last two have no oracle unless
    `oracle_folder` gives one or `implant` makes one. With `records` there is no model at all: files
    hold what base, oracle and arms said, and nothing is run."""

    folder: str | None = None
    """Folder of the base (`local` only): config.json, safetensors weights and a tokenizer."""

    oracle_folder: str | None = None
    """Folder of a model that never saw what is to be forgotten (`local` and `hub`)."""

    id: str | None = None
    """Name of the base on the Hugging Face hub (`hub` only), e.g. Qwen/Qwen2.5-0.5B-Instruct. Only
    safetensors, JSON and tokenizer files are taken; no code is run."""

    revision: str | None = None
    """Branch, tag or commit (`hub` only). Null takes the newest at the first download and stays
    with that commit: models/hub.lock.json in the run's folder keeps it."""

    offline: bool = False
    """Take the files from the hub's local cache alone and ask no server (`hub` only)."""

    load: LoadSpec = LoadSpec()
    """How its files are opened."""

    base: tuple[Outputs, ...] = ()
    """Files of what the base said (`records` only)."""

    oracle: tuple[Outputs, ...] = ()
    """Files of what a model said that never saw what is to be forgotten (`records` only)."""

    def __post_init__(self) -> None:
        for name in ("base", "oracle"):
            if getattr(self, name) and self.source != "records":
                raise SpecError(name, "is read only when `source` is records; set it or omit this.")
        if self.source == "local" and not self.folder:
            raise SpecError("folder", "is needed when `source` is local; give the model's folder.")
        if self.source == "hub" and not self.id:
            raise SpecError("id", "is needed when `source` is hub, e.g. Qwen/Qwen2.5-0.5B.")
        if self.id is not None and not _ID.fullmatch(self.id):
            raise SpecError("id", f"'{self.id}' is no name on the hub; write owner/name.")
        read_by = {
            "folder": ("local",), "oracle_folder": ("local", "hub"), "id": ("hub",),
            "revision": ("hub",), "offline": ("hub",),
        }  # fmt: skip
        for name, sources in read_by.items():
            if getattr(self, name) and self.source not in sources:
                raise SpecError(
                    name,
                    f"is read only when `source` is {' or '.join(sources)}; set "
                    f"source: {sources[0]} or omit it.",
                )

    @property
    def given(self) -> bool:
        """Whether the base is somebody's model, not pretrained here."""
        return self.source != "embedded"
