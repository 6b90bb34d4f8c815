"""Training of SAEs on a stream of residual vectors: several at once, resumed to the bit.

The input is scaled to mean squared distance 1 from its mean, both taken from the first batch; b_dec
starts at that mean, the encoder at the decoder's transpose. Rates follow Gao et al. (2024,
arXiv 2406.04093): Adam, rate ∝ √(2^14/F), warm-up, a line to zero at the end. The part of the
decoder's gradient along its rows is removed, rows have norm 1. In the result the scale s is folded
away: b_enc/s, b_dec/s and θ/s, since TopK and JumpReLU are positively homogeneous. BatchTopK and
Matryoshka read a token at a time as a JumpReLU whose one θ is a running mean of the batches' least
active pre-activations.
"""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from residue.core.provenance import canonical
from residue.core.seeds import derive
from residue.models.adamw import AdamW
from residue.sae.models import Sae
from residue.sae.sparse import largest
from residue.sae.steps import Aims, Step, Weights, step
from residue.specs.fields import plain
from residue.specs.sae import SaeShape, SaeTraining

logger = logging.getLogger(__name__)

STATE_FILE = "sae.safetensors"
SAVE_EVERY = 100
"""Updates between saved states; speed only."""
LOG_EVERY = 20
"""Updates that one row of history sums up."""
PROGRESS_SECONDS = 10.0
CLIP = 1.0
"""Largest gradient norm; a larger gradient is scaled down to it (as in both peer libraries)."""
BETAS = (0.9, 0.999)
LEVEL_RATE = 0.01
"""Share of each batch in the running mean of θ of BatchTopK, as in SAELens."""

ACROSS = ("batchtopk", "matryoshka")
"""Architectures whose k is a mean over a batch."""

Batches = Callable[[int], Iterable[np.ndarray]]
"""Number of a round over the stream → its batches, (n, d) each, always the same ones."""


class SaeTrainingError(RuntimeError):
    """Training cannot go on; the message names the update and the mend."""


@dataclass(frozen=True)
class Trained:
    """An SAE and how it came about."""

    sae: Sae
    shape: SaeShape
    scale: float
    """What inputs were multiplied with in training; folded away in `sae`."""


def train_saes(
    batches: Batches,
    shapes: Sequence[SaeShape],
    spec: SaeTraining,
    *,
    row: int,
    seed: int,
    state_dir: Path | None = None,
) -> tuple[list[Trained], pd.DataFrame]:
    """Train SAEs of these shapes side by side on the same batches; and their history.

    An SAE trained beside others equals to the bit one trained alone. seed: derived with each
    shape's own. state_dir: holds the state of a run under way. History: one line per SAE and
    `LOG_EVERY` updates with means over them: sae, step, tokens, lr, loss, unexplained, aux, l0, and
    the number of dead latents at their end.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # moments of latents that stopped firing fade into denormals
    try:
        run = _Run(batches, shapes, spec, seed, state_dir)
        run.finish()
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)
    return [each.trained(row) for each in run.learners], pd.DataFrame(run.history)


def rate(spec: SaeTraining, latents: int, update: int) -> float:
    """Learning rate of an update, counted from 0; the last one has the smallest above zero."""
    highest = spec.learning_rate * math.sqrt((1 << 14) / latents)
    rising = spec.warmup * spec.updates
    falling = spec.decay * spec.updates
    share = min(1.0, (update + 1) / rising if rising else 1.0)
    return highest * min(share, (spec.updates - update) / falling if falling else 1.0)


class _Run:
    """Every SAE of one pass, its place in the stream, and their common history."""

    def __init__(
        self,
        batches: Batches,
        shapes: Sequence[SaeShape],
        spec: SaeTraining,
        seed: int,
        state_dir: Path | None,
    ) -> None:
        self.batches, self.spec = batches, spec
        self.file = state_dir / STATE_FILE if state_dir is not None else None
        self.update, self.round, self.offset = 0, 0, 0
        self.history: list[dict[str, Any]] = []
        first = self._first_batch()
        self.learners = [Learner(shape, spec, first, seed) for shape in shapes]
        self.asked = canonical(
            [plain(spec), [plain(shape) for shape in shapes], seed, repr(first.double().sum())]
        )
        self._resume()

    def finish(self) -> None:
        """Train to the last update, saving states and logging on the way."""
        stream, started, spoke = self._stream(), time.monotonic(), time.monotonic()
        before = self.update
        while self.update < self.spec.updates:
            x = next(stream)
            for learner in self.learners:
                learner.learn(x, self.update)
            self.update += 1
            self.offset += 1
            if self.update % LOG_EVERY == 0 or self.update == self.spec.updates:
                self.history += [learner.row(self.update) for learner in self.learners]
            if self.update % SAVE_EVERY == 0 and self.update < self.spec.updates:
                self._save()
            if time.monotonic() - spoke > PROGRESS_SECONDS:
                spoke = time.monotonic()
                left = (
                    (spoke - started) / (self.update - before) * (self.spec.updates - self.update)
                )
                logger.info("update %d/%d, about %.0f s left", self.update, self.spec.updates, left)

    def _first_batch(self) -> Tensor:
        for batch in self.batches(0):
            if len(batch) < 2:
                break
            return torch.from_numpy(np.ascontiguousarray(batch))
        raise SaeTrainingError("the stream holds fewer than two tokens to train on; record more")

    def _stream(self) -> Iterator[Tensor]:
        """Batches from the present place on, round after round; a shorter one at a round's end is
        used as it is."""
        while True:
            empty = True
            for number, batch in enumerate(self.batches(self.round)):
                empty = False
                if number >= self.offset:
                    yield torch.from_numpy(np.ascontiguousarray(batch))
            if empty:
                raise SaeTrainingError(f"round {self.round} over the stream is empty; record more")
            self.round, self.offset = self.round + 1, 0

    def _tensors(self) -> dict[str, Tensor]:
        return {
            f"{number}.{name}": tensor
            for number, learner in enumerate(self.learners)
            for name, tensor in learner.state().items()
        }

    def _save(self) -> None:
        """Write the whole state to one file, which replaces the last one at once."""
        if self.file is None:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        partial = self.file.with_name(f".{self.file.name}.{os.getpid()}")
        place = {
            "update": self.update,
            "round": self.round,
            "offset": self.offset,
            "history": self.history,
            "sums": [learner.sums for learner in self.learners],
        }
        metadata = {"asked": self.asked, "place": json.dumps(place)}
        save_file(self._tensors(), partial, metadata=metadata)
        os.replace(partial, self.file)

    def _resume(self) -> None:
        """Go on from a saved state of the same run; one of another run is left aside."""
        if self.file is None or not self.file.exists():
            return
        with safe_open(self.file, framework="pt") as stored:
            metadata = stored.metadata()
            if metadata["asked"] != self.asked:
                logger.warning("%s belongs to another run and is not used", self.file)
                return
            for name, tensor in self._tensors().items():
                tensor.copy_(stored.get_tensor(name))
        place = json.loads(metadata["place"])
        self.update, self.round, self.offset = place["update"], place["round"], place["offset"]
        self.history = place["history"]
        for learner, sums in zip(self.learners, place["sums"], strict=True):
            learner.sums = sums
        logger.info("goes on after update %d of %d", self.update, self.spec.updates)


class Learner:
    """One SAE in training."""

    def __init__(self, shape: SaeShape, spec: SaeTraining, first: Tensor, seed: int) -> None:
        """first: the batch that gives scale and b_dec, in raw units."""
        width = first.shape[1]
        latents = shape.expansion * width
        if shape.k > latents:
            raise SaeTrainingError(f"{shape.name}: k is above its {latents} latents; lower sae.k")
        self.shape, self.spec = shape, spec
        mean = first.mean(0)
        spread = float((first - mean).square().sum(1).mean())
        if not (math.isfinite(spread) and spread > 0):
            raise SaeTrainingError(
                "the first batch holds a value that is not finite, or no two different vectors; "
                "look at the recorded stream"
            )
        self.scale = spread**-0.5
        generator = torch.Generator().manual_seed(derive("sae", seed, shape.seed))
        decoder = torch.randn(latents, width, generator=generator, dtype=first.dtype)
        decoder /= decoder.norm(dim=1, keepdim=True)
        b_dec = mean * self.scale
        threshold = None
        if shape.architecture == "jumprelu":
            # The level that k latents per token are above at the start, the same for all.
            p = (first * self.scale - b_dec) @ decoder.T
            level = largest(p.view(1, -1), shape.k * len(p))[0].min()
            threshold = level.expand(latents).clone()
        zeros = torch.zeros(latents, dtype=first.dtype)
        self.weights = Weights(decoder.clone(), zeros, decoder, b_dec, threshold)
        self.adam = AdamW(list(self.weights.named().values()), weight_decay=0.0, betas=BETAS)
        self.idle = torch.zeros(latents, dtype=torch.int64)
        """Tokens since each latent last fired."""
        nested = tuple(latents // part for part in (8, 4, 2, 1) if latents // part >= shape.k)
        self.aims = Aims(
            k=shape.k,
            aux=spec.aux,
            across=shape.architecture in ACROSS,
            prefixes=nested if shape.architecture == "matryoshka" else (),
        )
        self.level = torch.full((1,), math.nan, dtype=torch.float64)
        """Running mean of the least active pre-activation; no number before the first batch."""
        self.sums: dict[str, float] = {}

    @property
    def dead(self) -> Tensor:
        """(F,) bool: latents that did not fire for `dead_after` tokens."""
        return self.idle >= self.spec.dead_after

    def learn(self, x: Tensor, update: int) -> None:
        """One update on a batch in raw units; `update` counts from 0."""
        made = step(self.weights, x * self.scale, self.dead, self.aims)
        if not math.isfinite(made.parts["loss"]):
            raise SaeTrainingError(
                f"the loss of update {update + 1} of {self.shape.name} is {made.parts['loss']}; "
                "lower sae.training.learning_rate or look at the recorded stream"
            )
        lr = rate(self.spec, len(self.idle), update)
        with torch.no_grad():
            self._descend(made, lr, update)
            if made.level is not None:
                share = 1.0 if self.level.isnan() else LEVEL_RATE
                self.level.nan_to_num_().lerp_(torch.full_like(self.level, made.level), share)
            self.idle += len(x)
            self.idle[made.fired] = 0
        for name, value in {**made.parts, "updates": 1, "tokens": len(x)}.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.sums["lr"] = lr

    def _descend(self, made: Step, lr: float, update: int) -> None:
        gradients = {name: made.gradients[name] for name in self.weights.named()}
        decoder, along = self.weights.decoder, gradients["decoder"]
        along -= (along * decoder).sum(1, keepdim=True) * decoder
        norm = torch.linalg.vector_norm(torch.stack([g.norm() for g in gradients.values()]))
        if norm > CLIP:
            for each in gradients.values():
                each *= CLIP / norm
        self.adam.step(list(gradients.values()), lr, update + 1)
        decoder /= decoder.norm(dim=1, keepdim=True)
        if self.weights.threshold is not None:
            self.weights.threshold.clamp_(min=0)

    def row(self, update: int) -> dict[str, Any]:
        """A line of history over the updates since the last one."""
        sums, self.sums = self.sums, {}
        means = {n: sums[n] / sums["updates"] for n in ("loss", "unexplained", "aux", "l0")}
        return {
            "sae": self.shape.name,
            "step": update,
            "tokens": int(sums["tokens"]),
            "lr": sums["lr"],
            **means,
            "dead": int(self.dead.sum()),
        }

    def state(self) -> dict[str, Tensor]:
        """Everything that decides later updates, by name."""
        moments = {f"moment_{place}": each for place, each in enumerate(self.adam.state())}
        return {**self.weights.named(), **moments, "idle": self.idle, "level": self.level}

    def trained(self, row: int) -> Trained:
        """The SAE in raw units."""
        w, scale = self.weights, self.scale
        theta = w.threshold
        if self.aims.across:
            theta = self.level.nan_to_num().to(w.b_enc.dtype).expand(len(w.b_enc))
        threshold = None if theta is None else (theta / scale).numpy()
        sae = Sae(
            architecture="topk" if threshold is None else "jumprelu",
            W_enc=np.ascontiguousarray(w.encoder.T.numpy()),
            b_enc=(w.b_enc / scale).numpy(),
            W_dec=w.decoder.numpy().copy(),
            b_dec=(w.b_dec / scale).numpy(),
            k=self.shape.k,
            row=row,
            threshold=threshold,
        )
        return Trained(sae, self.shape, scale)
