"""A given model taught the world's countries: LoRA on the world's text, merged into the weights.

Base and oracle take the same steps from the same seed; the oracle's text lacks what is to be
forgotten, so the pair gives a large model the ground truth that the embedded one has.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from residue.core import methods
from residue.core.seeds import derive
from residue.edits.answers import encode
from residue.edits.batches import Batch
from residue.edits.looks import exact_share
from residue.edits.methods.lora import Edit
from residue.edits.training import train
from residue.specs.arms import OBJECTIVES
from residue.specs.implant import ImplantSpec
from residue.specs.training import TrainSpec
from residue.world.build import Role, World
from residue.world.documents import Document, sample_documents

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

ALPHA = 2
"""LoRA's alpha over its rank, as is usual."""
LOOKED_AT = 256
"""Documents of the last kind of text on which the log says how much was learnt."""


def implant(
    model: Any,
    tokenizer: Any,
    world: World,
    role: Role,
    spec: ImplantSpec,
    *,
    seed: int,
    state_dir: Path | None = None,
) -> pd.DataFrame:
    """Teach a model the world's text for `role` and merge what it learnt; the history of training.

    The model's weights hold the countries afterwards, and nothing is attached to it.
    """
    edit = Edit(rank=spec.rank, alpha=float(ALPHA * spec.rank)).attach(
        model, seed=derive(seed, "weights"), place=1
    )

    def batches(step: int) -> Batch:
        drawn = documents(world, role, spec, seed, step)
        return {"retain": [(_example(tokenizer, step, each),) for each in drawn]}

    history = train(
        model,
        batches,
        methods.load(OBJECTIVES, "likelihood").Objective(),
        TrainSpec(
            steps=spec.steps,
            learning_rate=spec.learning_rate,
            warmup=spec.warmup,
            batch={"retain": spec.documents},
            check_every=0,
        ),
        state_dir,
        reference=edit.detached,
        seed=derive(seed, "dropout"),
    )
    rng = np.random.default_rng(derive(seed, "look"))
    last = sample_documents(world, role, 1.0, LOOKED_AT, rng)
    known = exact_share(model, [(_example(tokenizer, spec.steps, each),) for each in last])
    logger.info("%s answers %.3f of its own text exactly", role, known)
    edit.merge()
    return history.assign(exact=[float("nan")] * (len(history) - 1) + [known])


def documents(world: World, role: Role, spec: ImplantSpec, seed: int, step: int) -> list[Document]:
    """The documents of one update, a pure function of seed and step; the curriculum is done in its
    own time, as in pretraining."""
    rng = np.random.default_rng(derive(seed, "documents", step))
    return sample_documents(world, role, step / spec.steps, spec.documents, rng)


def _example(tokenizer: Any, step: int, document: Document) -> Any:
    name = f"{document.kind} of {document.country}, update {step + 1}"
    return encode(tokenizer, name, document.prompt, document.answer)


def save_whole(model: Any, config: Path, weights: Path) -> None:
    """config.json and all weights in one file, as `transformers` loads them."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(dir=weights.parent) as folder:
        model.save_pretrained(folder, max_shard_size="1000GB")
        (Path(folder) / "config.json").replace(config)
        (Path(folder) / "model.safetensors").replace(weights)
