"""Training speed of TopK SAEs against SAELens and dictionary_learning: one machine, one run.

    python benchmarks/sae.py ROWS.npy [--peer saelens=PYTHON] [--peer dictionary_learning=PYTHON]

ROWS.npy: residual vectors (n, width) float32, e.g. a row of a stream; the last tenth is held out.
A peer runs its own trainer under a Python that has it; each trainer gets the same vectors in the
same batches, latents, k, number of updates and one thread, and its own recipe otherwise (learning
rate too, if --rate is not given). Runs alternate, so that a busy machine slows all alike. Printed:
tokens per CPU-second of updates alone, explained variance (centred) on the held-out vectors, peak
memory. With --memory also the peak memory of training from a stream file, and from one ten times
as long.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

WARM = 20
"""Updates before the clock starts."""


def batches(rows: np.ndarray, size: int, updates: int) -> Iterator[np.ndarray]:
    """The same batches for every trainer."""
    number = 0
    while True:
        order = np.random.default_rng(number).permutation(len(rows))
        for start in range(0, len(rows) - size + 1, size):
            if not updates:
                return
            updates -= 1
            yield rows[order[start : start + size]]
        number += 1


def explained(rows: np.ndarray, reconstruct: Callable[[np.ndarray], np.ndarray]) -> float:
    """1 − Σ‖h − ĥ‖² / Σ‖h − mean‖²."""
    error = sum(((part - reconstruct(part)) ** 2).sum() for part in np.array_split(rows, 20))
    return float(1 - error / ((rows - rows.mean(axis=0)) ** 2).sum())


def clocked(learn: Callable[[np.ndarray, int], None], arguments: argparse.Namespace) -> float:
    """CPU-seconds of the updates after the first few."""
    spent = 0.0
    for update, batch in enumerate(batches(fitted(arguments), arguments.batch, arguments.updates)):
        started = time.process_time()
        learn(batch, update)
        spent += (time.process_time() - started) * (update >= WARM)
    return spent


def fitted(arguments: argparse.Namespace) -> np.ndarray:
    rows = np.load(arguments.rows, mmap_mode="r")
    return rows[: len(rows) * 9 // 10]


def ours(arguments: argparse.Namespace) -> tuple[float, Callable[[np.ndarray], np.ndarray]]:
    import torch

    from residue.sae.learner import Learner
    from residue.specs.sae import SaeShape, SaeTraining

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    rows = fitted(arguments)
    first = torch.from_numpy(next(batches(rows, arguments.batch, 1)))
    spec = SaeTraining(tokens=arguments.updates * arguments.batch, batch=arguments.batch)
    if arguments.rate:
        scaled = arguments.rate * (arguments.latents / (1 << 14)) ** 0.5
        spec = SaeTraining(tokens=spec.tokens, batch=spec.batch, learning_rate=scaled)
    shape = SaeShape(expansion=arguments.latents // rows.shape[1], k=arguments.k)
    learner = Learner(shape, spec, first, 0)
    spent = clocked(lambda batch, n: learner.learn(torch.from_numpy(batch), n), arguments)
    sae = learner.trained(0).sae
    return spent, lambda part: sae.decode(sae.encode(part))


def dictionary_learning(
    arguments: argparse.Namespace,
) -> tuple[float, Callable[[np.ndarray], np.ndarray]]:
    import types

    import torch

    # Its buffers import nnsight, which its trainers do not use.
    sys.modules.setdefault("nnsight", types.SimpleNamespace(LanguageModel=None))  # type: ignore[arg-type]
    from dictionary_learning.trainers.top_k import TopKTrainer

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    rows = fitted(arguments)
    first = next(batches(rows, arguments.batch, 1))
    norm = float(np.sqrt((first**2).sum(axis=1).mean()))  # its normalize_activations
    trainer = TopKTrainer(
        steps=arguments.updates, activation_dim=rows.shape[1], dict_size=arguments.latents,
        k=arguments.k, layer=0, lm_name="", lr=arguments.rate or None, seed=0, device="cpu",
        warmup_steps=arguments.updates // 20, decay_start=arguments.updates * 8 // 10,
    )  # fmt: skip
    spent = clocked(lambda batch, n: trainer.update(n, torch.from_numpy(batch) / norm), arguments)
    trainer.ae.scale_biases(norm)

    def reconstruct(part: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return trainer.ae(torch.from_numpy(np.ascontiguousarray(part))).numpy()

    return spent, reconstruct


def saelens(arguments: argparse.Namespace) -> tuple[float, Callable[[np.ndarray], np.ndarray]]:
    import torch
    from sae_lens.config import LoggingConfig, SAETrainerConfig
    from sae_lens.saes.topk_sae import TopKTrainingSAE, TopKTrainingSAEConfig
    from sae_lens.training.sae_trainer import SAETrainer

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    rows = fitted(arguments)
    first = next(batches(rows, arguments.batch, 1))
    scale = rows.shape[1] ** 0.5 / float(np.linalg.norm(first, axis=1).mean())
    torch.manual_seed(0)
    sae = TopKTrainingSAE(
        TopKTrainingSAEConfig(
            d_in=rows.shape[1], d_sae=arguments.latents, k=arguments.k, device="cpu",
            normalize_activations="none", use_sparse_activations=arguments.sparse,
        )
    )  # fmt: skip
    config = SAETrainerConfig(
        total_training_samples=arguments.updates * arguments.batch,
        train_batch_size_samples=arguments.batch, device="cpu", lr=arguments.rate or 3e-4,
        lr_end=3e-5, lr_scheduler_name="constant", lr_warm_up_steps=arguments.updates // 20,
        lr_decay_steps=arguments.updates // 5, n_restart_cycles=1, adam_beta1=0.9,
        adam_beta2=0.999, dead_feature_window=1000, feature_sampling_window=2000, autocast=False,
        n_checkpoints=0, checkpoint_path=None, save_final_checkpoint=False,
        logger=LoggingConfig(log_to_wandb=False),
    )  # fmt: skip
    trainer = SAETrainer(config, sae, iter(()))

    def learn(batch: np.ndarray, update: int) -> None:
        trainer.step(torch.from_numpy(batch) * scale)
        trainer.n_training_steps += 1

    spent = clocked(learn, arguments)

    def reconstruct(part: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return (sae(torch.from_numpy(part * np.float32(scale))) / scale).numpy()

    return spent, reconstruct


def write(rows: np.ndarray, times: int, file: Path) -> None:
    """A stream file of the rows, repeated."""
    import pyarrow as pa

    from residue.records.stream import stream_schema, write_stream

    schema = stream_schema([0], rows.shape[1])

    def tables() -> Iterator[pa.Table]:
        for _ in range(times):
            for part in np.array_split(rows, len(rows) // 4096 + 1):
                n = len(part)
                vectors = pa.FixedSizeListArray.from_arrays(part.reshape(-1), rows.shape[1])
                numbers = pa.array(np.zeros(n, np.int32))
                yield pa.table([["t"] * n, numbers, numbers, ["fit"] * n, vectors], schema=schema)

    write_stream(tables(), file)


def streamed(arguments: argparse.Namespace) -> None:
    """Train from a stream file and print the peak memory."""
    from residue.records.stream import StreamFile
    from residue.sae.training import train_saes
    from residue.specs.sae import SaeShape, SaeTraining

    stream = StreamFile(arguments.rows)
    spec = SaeTraining(tokens=arguments.updates * arguments.batch, batch=arguments.batch)
    shape = SaeShape(expansion=arguments.latents // stream.width, k=arguments.k)
    train_saes(lambda n: stream.batches(0, "fit", spec.batch, n), [shape], spec, row=0, seed=0)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"tokens": stream.n("fit"), "peak_mb": memory}))


STREAMED = "streamed"
TRAINERS = {"ours": ours, "saelens": saelens, "dictionary_learning": dictionary_learning}


def one(arguments: argparse.Namespace) -> None:
    """Run one trainer and print its numbers as JSON."""
    if arguments.one == STREAMED:
        streamed(arguments)
        return
    spent, reconstruct = TRAINERS[arguments.one](arguments)
    counted = (arguments.updates - WARM) * arguments.batch
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = np.load(arguments.rows, mmap_mode="r")
    held_out = np.ascontiguousarray(rows[len(rows) * 9 // 10 :])
    print(
        json.dumps(
            {
                "tokens_per_s": counted / spent,
                "explained": explained(held_out, reconstruct),
                "peak_mb": memory,
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rows", type=Path)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--latents", type=int, default=1024)
    parser.add_argument("--k", type=int, default=32)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--updates", type=int, default=400)
    parser.add_argument("--rate", type=float, default=0.0, help="one learning rate for all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--sparse", action="store_true", help="SAELens with sparse activations")
    parser.add_argument("--one", choices=[*TRAINERS, STREAMED], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        one(arguments)
        return
    pythons = {"ours": sys.executable} | dict(peer.split("=", 1) for peer in arguments.peer)
    passed = [
        text for name in ("latents", "k", "batch", "updates", "rate")
        for text in (f"--{name}", str(getattr(arguments, name)))
    ] + ["--sparse"] * arguments.sparse  # fmt: skip

    def run(name: str, rows: Path) -> dict[str, float]:
        command = [pythons.get(name, sys.executable), __file__, str(rows), "--one", name, *passed]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        made: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return made

    found: dict[str, list[dict[str, float]]] = {name: [] for name in pythons}
    for _ in range(arguments.rounds):
        for name in pythons:
            found[name].append(run(name, arguments.rows))
    speed = {name: [each["tokens_per_s"] for each in made] for name, made in found.items()}
    print("trainer\ttokens per CPU-s (median)\tours is faster by\texplained variance\tpeak MB")
    for name, made in found.items():
        ratios = [a / b for a, b in zip(speed["ours"], speed[name], strict=True)]
        print(
            f"{name}\t{np.median(speed[name]):.0f}\t{np.median(ratios):.2f}"
            f"\t{made[0]['explained']:.4f}\t{made[0]['peak_mb']:.0f}"
        )
    if arguments.memory:
        with tempfile.TemporaryDirectory() as folder:
            for times in (1, 10):
                write(np.load(arguments.rows), times, Path(folder, "stream.parquet"))
                made = run(STREAMED, Path(folder, "stream.parquet"))
                print(f"from a stream of {made['tokens']:.0f} tokens\t\t\t\t{made['peak_mb']:.0f}")


if __name__ == "__main__":
    main()
