"""One SAE in training: how it starts, how it learns from a batch, what is kept of it.

The input is scaled to mean squared distance 1 from its mean, both taken from the first batch; b_dec
starts at that mean, decoder rows at random directions of norm 1, the encoder at W_decᵀ, and for
TopK at a·W_decᵀ with

    a = Σ ⟨x − b_dec, ŷ⟩ / Σ ‖ŷ‖²,   ŷ the decoded code at a = 1,

the factor that explains most of the first batch: k random directions overlap, so that the bare
transpose writes too much and is first unlearnt. Where tokens compete for latents, smaller codes let
few of them win (BatchTopK: a quarter of the latents never fired), so there a is 1.

Rates follow Gao et al. (2024, arXiv 2406.04093): Adam, rate ∝ √(2^14/F), warm-up, a line to zero at
the end. The part of the decoder's gradient along its rows is removed, rows have norm 1; then the
whole gradient is scaled to norm 1. So Adam's second moment weighs all updates alike; unscaled, the
first ones, whose loss is many times larger, would hold it up for a thousand more.

In the result the scale s is folded away: b_enc/s, b_dec/s and θ/s, since TopK and JumpReLU are
positively homogeneous. BatchTopK and Matryoshka read a token at a time as a JumpReLU whose one θ is
a running mean of the batches' least active pre-activations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from residue.core.seeds import derive
from residue.models.adamw import AdamW
from residue.sae.models import Sae
from residue.sae.sparse import largest
from residue.sae.steps import Aims, Step, Weights, starting_factor, step
from residue.specs.sae import SaeShape, SaeTraining

BETAS = (0.9, 0.999)
LEVEL_RATE = 0.01
"""Share of each batch in the running mean of θ of BatchTopK, as in SAELens."""

ACROSS = ("batchtopk", "matryoshka")
"""Architectures whose k is a mean over a batch."""


class SaeTrainingError(RuntimeError):
    """Training cannot go on; the message names the update and the mend."""


@dataclass(frozen=True)
class Trained:
    """An SAE and how it came about."""

    sae: Sae
    shape: SaeShape
    scale: float
    """What inputs were multiplied with in training; folded away in `sae`."""


def rate(spec: SaeTraining, latents: int, update: int) -> float:
    """Learning rate of an update, counted from 0; the last one has the smallest above zero."""
    highest = spec.learning_rate * math.sqrt((1 << 14) / latents)
    rising = spec.warmup * spec.updates
    falling = spec.decay * spec.updates
    share = min(1.0, (update + 1) / rising if rising else 1.0)
    return highest * min(share, (spec.updates - update) / falling if falling else 1.0)


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
        nested = tuple(latents // part for part in (8, 4, 2, 1) if latents // part >= shape.k)
        self.aims = Aims(
            k=shape.k,
            aux=spec.aux,
            across=shape.architecture in ACROSS,
            prefixes=nested if shape.architecture == "matryoshka" else (),
        )
        if shape.architecture == "topk":
            self.weights.encoder.mul_(starting_factor(self.weights, first * self.scale, self.aims))
        self.adam = AdamW(list(self.weights.named().values()), weight_decay=0.0, betas=BETAS)
        self.idle = torch.zeros(latents, dtype=torch.int64)
        """Tokens since each latent last fired."""
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
        for each in gradients.values():
            each /= norm.clamp_min(torch.finfo(norm.dtype).tiny)
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
