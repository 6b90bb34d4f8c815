"""Training of SAEs on a stream of residual vectors: several at once, resumed to the bit.

Every SAE of a pass sees the same batches, and none sees another; how one learns from a batch stands
in `residue.sae.learner`.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from residue.core.provenance import canonical
from residue.sae.learner import Learner, SaeTrainingError, Trained
from residue.specs.fields import plain
from residue.specs.sae import SaeShape, SaeTraining

logger = logging.getLogger(__name__)

STATE_FILE = "sae.safetensors"
SAVE_EVERY = 100
"""Updates between saved states; speed only."""
LOG_EVERY = 20
"""Updates that one row of history sums up."""
PROGRESS_SECONDS = 10.0

Batches = Callable[[int], Iterable[np.ndarray]]
"""Number of a round over the stream → its batches, (n, d) each, always the same ones."""


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
