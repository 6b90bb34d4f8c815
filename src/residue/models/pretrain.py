"""Pretraining of the embedded base and oracle: fast on one thread, resumed bit-exactly."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from residue.core.seeds import derive
from residue.models.adamw import AdamW
from residue.models.batches import Batch, Draw, Pool, Text, draw_pool
from residue.models.history import Place, Sums, rate_share, say
from residue.models.muon import Muon
from residue.models.tiny import TinyLlama, to_transformers
from residue.specs.pretrain import LONGEST, PretrainSpec
from residue.world.build import Role, World
from residue.world.documents import sample_documents

logger = logging.getLogger(__name__)

STATE_FILE = "pretrain.safetensors"
SAVE_EVERY = 200
"""Steps between saved states, rounded up to whole history rows; speed only."""
PROGRESS_SECONDS = 10.0
BETAS = (0.9, 0.98)
"""Of AdamW; the short memory of the second suits a run of some thousand steps."""
"""Positions that the saved model declares; training texts are far shorter."""


class NonFiniteLossError(FloatingPointError):
    """The loss left the finite numbers; the message names the step and the documents."""


def pretrain(
    world: World, role: Role, tokenizer: Any, spec: PretrainSpec, seed: int, state_dir: Path
) -> tuple[Any, pd.DataFrame]:
    """A `LlamaForCausalLM` trained on the world's text for `role`, and its history.

    seed: shared by a base and its oracle, which so start from the same weights; state_dir: holds
    the state of a run under way, from which the same call goes on bit-exactly.
    """

    def draw(progress: float, n: int, rng: np.random.Generator) -> Sequence[Text]:
        return sample_documents(world, role, progress, n, rng)

    return train_stream(draw, tokenizer, spec, seed, state_dir)


def train_stream(
    draw: Draw, tokenizer: Any, spec: PretrainSpec, seed: int, state_dir: Path
) -> tuple[Any, pd.DataFrame]:
    """`pretrain` on any stream of documents.

    History: one row per `spec.log_every` steps with means over them: step, tokens and documents so
    far, loss and its parts (nats per token), rates of the last step, gradient norm before
    clipping, and the share of documents whose whole answer is the model's first choice
    (`exact_<kind>`, on the training batches themselves; null where there were none).
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # moments of rare tokens fade into slow denormals
    try:
        run = _Run(draw, tokenizer, spec, seed, Path(state_dir))
        run.resume()
        run.finish()
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)
    special = {
        name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")
    }
    return to_transformers(run.model, special, LONGEST), pd.DataFrame(run.place.history)


class _Run:
    def __init__(
        self, draw: Draw, tokenizer: Any, spec: PretrainSpec, seed: int, state_dir: Path
    ) -> None:
        generator = torch.Generator().manual_seed(derive("weights", seed))
        vocabulary = -(-len(tokenizer) // 64) * 64
        self.model = TinyLlama(spec.shape, vocabulary, generator)
        self.leaves = (*self.model.matrices(), *self.model.vectors())
        decay = spec.weight_decay
        self.muon = Muon(
            [leaf.data for leaf in self.model.matrices()],
            momentum=spec.matrix_momentum,
            weight_decay=decay,
            iterations=spec.newton_schulz,
        )
        self.adam = AdamW(
            [leaf.data for leaf in self.model.vectors()], weight_decay=decay, betas=BETAS
        )
        self.draw, self.tokenizer, self.spec, self.seed = draw, tokenizer, spec, seed
        self.file = state_dir / STATE_FILE
        self.place = Place()
        self.pool: Pool | None = None
        self.sums = Sums()
        self.asked = json.dumps(
            {"spec": asdict(spec), "seed": seed, "vocabulary": vocabulary}, sort_keys=True
        )

    def finish(self) -> None:
        """Train to the last step, saving states and logging on the way."""
        spec, place = self.spec, self.place
        save_every = -(-SAVE_EVERY // spec.log_every) * spec.log_every
        started, since, first = time.process_time(), time.monotonic(), place.tokens
        while place.step < spec.steps:
            self.step(self.next_batch())
            if place.step % spec.log_every == 0 or place.step == spec.steps:
                place.history.append(self.sums.row(place, spec))
                self.sums = Sums()
            if place.step % save_every == 0 and place.step < spec.steps:
                self.save()
            if place.history and time.monotonic() - since > PROGRESS_SECONDS:
                since = time.monotonic()
                say(place, spec, time.process_time() - started, first)
        if place.history:
            say(place, spec, time.process_time() - started, first)

    def next_batch(self) -> Batch:
        place = self.place
        if self.pool is None or place.offset == len(self.pool.batches):
            place.pool += self.pool is not None
            place.offset, place.pool_step = 0, place.step
            self.pool = self.draw_pool()
            place.pool_digest = self.pool.digest
        batch = self.pool.batches[place.offset]
        place.offset += 1
        return batch

    def draw_pool(self) -> Pool:
        progress = self.place.pool_step / self.spec.steps
        return draw_pool(self.draw, self.tokenizer, self.spec, self.seed, self.place.pool, progress)

    def step(self, batch: Batch) -> None:
        spec, place = self.spec, self.place
        rows = self.model.rows(batch.ids)
        logits = self.model.logits(rows.view(-1, spec.shape.width).index_select(0, batch.places))
        losses = F.cross_entropy(logits, batch.targets, reduction="none")
        loss = losses.mean()
        if not torch.isfinite(loss):
            raise NonFiniteLossError(_complaint(place.step, loss.item(), batch))
        gradients = torch.autograd.grad(loss, self.leaves)
        norm = torch.linalg.vector_norm(torch.stack([g.norm() for g in gradients]))
        if norm > spec.clip:
            for gradient in gradients:
                gradient.mul_(spec.clip / norm)
        share = rate_share(place.step, spec)
        with torch.no_grad():
            stacks = len(self.model.matrices())
            self.muon.step(gradients[:stacks], spec.matrix_rate * share)
            self.adam.step(gradients[stacks:], spec.vector_rate * share, place.step + 1)
        place.step += 1
        place.tokens += batch.ids.numel()
        place.documents += len(batch.documents)
        self.sums.add(batch, logits.detach(), losses.detach(), float(norm))

    def save(self) -> None:
        """Write the whole state to one file, which replaces the last one at once."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        partial = self.file.with_name(f".{self.file.name}.{os.getpid()}")
        metadata = {"asked": self.asked, "place": json.dumps(asdict(self.place))}
        save_file(self.tensors(), partial, metadata=metadata)
        os.replace(partial, self.file)

    def resume(self) -> None:
        """Go on from a saved state of the same run; one of another run is left aside."""
        if not self.file.exists():
            return
        with safe_open(self.file, framework="pt") as stored:
            metadata = stored.metadata()
            if metadata["asked"] != self.asked:
                logger.warning("%s belongs to another run and is not used", self.file)
                return
            self.place = Place(**json.loads(metadata["place"]))
            self.pool = self.draw_pool()
            if self.pool.digest != self.place.pool_digest:
                logger.warning("the text changed since %s was saved; it is not used", self.file)
                self.place, self.pool = Place(), None
                return
            with torch.no_grad():
                for name, tensor in self.tensors().items():
                    tensor.copy_(stored.get_tensor(name))
        logger.info("goes on at step %d of %d", self.place.step, self.spec.steps)

    def tensors(self) -> dict[str, Tensor]:
        """Weights and optimiser state by name."""
        state = (*self.muon.state(), *self.adam.state())
        named = {name: leaf.data for name, leaf in self.model.named().items()}
        return named | {f"optimiser_{index}": tensor for index, tensor in enumerate(state)}


def _complaint(step: int, loss: float, batch: Batch) -> str:
    shown = "; ".join(f"{text.prompt!r} -> {text.answer!r}" for text in batch.documents[:3])
    return (
        f"the pretraining loss is {loss} at step {step}; lower pretrain.matrix_rate or "
        f"pretrain.vector_rate. The batch has {len(batch.documents)} documents, first: {shown}"
    )
