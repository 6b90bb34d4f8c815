"""The last-position lens table of 200 prompts: ours against two libraries' documented recipes.

    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 python benchmarks/lens.py \
        results/models/pair0/base results/world/decks/facts.parquet

prints a table in Markdown. Each recipe gives the same numbers of every row of every prompt (the
likeliest token, its log-probability, entropy, the answer's log-probability and rank, divergence
from the model's own law, all through the final norm); the largest relative difference is printed:

- TransformerLens: a prompt at a time, `run_with_cache` with every hook, `accumulated_resid` with
  the final norm, `W_U`, one row after the other.
- tuned-lens: a prompt at a time, all hidden states, each through norm and unembedding at all
  positions, log-softmax, kept as one array; the table is read off the last position. The recipe is
  written out with plain transformers, without the package, its translators and its classes.
- At equal batching: TransformerLens in our batches, only the hooks that are needed, all rows at
  once.

CPU time of one thread, least of several turns taken in alternation; loading and imports are left
out.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from residue.lens.observation import Array
from residue.models.blocks import row_hooks
from residue.models.encoding import encode_answer, encode_prompt, pad_batch, pad_id
from residue.models.head import Head, read_head
from residue.models.loading import load_model
from residue.records.forward import read_prompts
from residue.records.queries import Query, batches

N_PROMPTS = 200
TURNS = 5
COLUMNS = ("top", "logp_top", "entropy", "logp_answer", "rank_answer", "kl_to_final")
Table = np.ndarray
"""(prompts, rows, COLUMNS) float64."""


def numbers(logits: Array, final: Array, answer: np.ndarray) -> np.ndarray:
    """The columns of rows: logits (..., vocabulary), the model's own, the answer's id (...)."""
    logp, own = log_law(logits), log_law(final)
    law = np.exp(logp)
    of_answer = np.take_along_axis(logp, answer[..., None], axis=-1)
    return np.stack(
        [
            logp.argmax(axis=-1),
            logp.max(axis=-1),
            -(law * logp).sum(axis=-1),
            of_answer[..., 0],
            1 + (logp > of_answer).sum(axis=-1),
            (law * (logp - own)).sum(axis=-1),
        ],
        axis=-1,
    )


def log_law(logits: Array) -> Array:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


# --- ours: rows of a batch by hooks, decoded row by row from the head's file ---------------


def ours(model: Any, head: Head, queries: list[Query], fill: int) -> Iterator[np.ndarray]:
    """Tables of batches; nothing of a batch outlives its table."""
    for batch in batches(queries, 4096):
        with torch.inference_mode(), row_hooks(model) as rows:
            read_prompts(model, batch, fill, every=False)
            held = [rows[row][:, -1].numpy() for row in range(len(rows))]
        final = head.logits(held[-1])
        answer = np.array([query.answer[0] for query in batch])
        parts = [numbers(head.logits(vectors), final, answer) for vectors in held[:-1]]
        yield np.stack([*parts, numbers(final, final, answer)], axis=1)


# --- the recipes ---------------------------------------------------------------------------


def one_by_one(bridge: Any, queries: list[Query]) -> Iterator[np.ndarray]:
    """TransformerLens as its documentation shows it."""
    for query in queries:
        with torch.inference_mode():
            logits, cache = bridge.run_with_cache(torch.tensor([list(query.prompt)]))
            rows = cache.accumulated_resid(layer=-1, incl_mid=False, apply_ln=True, pos_slice=-1)[
                :, 0
            ]
            final, answer = logits[0, -1].numpy(), np.array(query.answer[0])
            decoded = [(row @ bridge.W_U + bridge.b_U).numpy() for row in rows]
        yield np.stack([numbers(row, final, answer) for row in decoded])[None]


def batched(bridge: Any, queries: list[Query], fill: int) -> Iterator[np.ndarray]:
    """TransformerLens in our batches, with the few hooks that the table needs."""
    n = bridge.cfg.n_layers
    names = ["blocks.0.hook_resid_pre", *(f"blocks.{block}.hook_resid_post" for block in range(n))]
    for batch in batches(queries, 4096):
        padded = pad_batch([query.prompt for query in batch], fill, side="left")
        with torch.inference_mode():
            logits, cache = bridge.run_with_cache(
                padded.ids, attention_mask=padded.mask, names_filter=names
            )
            rows = torch.stack([cache[name][:, -1] for name in names], dim=1)
            decoded = (bridge.ln_final(rows) @ bridge.W_U + bridge.b_U).numpy()
        final = logits[:, -1].numpy()[:, None]
        answer = np.array([query.answer[0] for query in batch])[:, None]
        yield numbers(decoded, final, np.broadcast_to(answer, decoded.shape[:2]))


def trajectories(model: Any, queries: list[Query]) -> Iterator[np.ndarray]:
    """The recipe of tuned-lens's prediction trajectories."""
    for query in queries:
        with torch.inference_mode():
            seen = model(torch.tensor([list(query.prompt)]), output_hidden_states=True)
            states = seen.hidden_states[:-1]
            kept = [
                model.lm_head(model.model.norm(state)).log_softmax(dim=-1)[0] for state in states
            ]
            kept.append(seen.logits.log_softmax(dim=-1)[0])
        logp = np.stack([each.numpy() for each in kept])
        last = logp[:, -1]
        yield numbers(last, last[-1], np.full(len(last), query.answer[0]))[None]


# --- measuring -----------------------------------------------------------------------------


def whole(parts: Iterator[np.ndarray]) -> Table:
    return np.concatenate(list(parts))


def furthest(one: Table, other: Table) -> tuple[float, int]:
    """Largest relative difference of the real-valued columns, and how many ids and ranks differ."""
    kinds = np.array([name not in ("top", "rank_answer") for name in COLUMNS])
    gap = np.abs(one - other) / np.maximum(1.0, np.abs(other))
    return float(gap[..., kinds].max()), int((gap[..., ~kinds] > 0).sum())


def make_queries(tokenizer: Any, deck: Path, n: int) -> list[Query]:
    items = pd.read_parquet(deck)
    chosen = items.iloc[np.linspace(0, len(items) - 1, n).round().astype(int)]
    made = [
        Query(item, tuple(encode_prompt(tokenizer, prompt)),
              tuple(encode_answer(tokenizer, answers[0])), 1, "", True)
        for item, prompt, answers in zip(
            chosen["item"], chosen["prompt"], chosen["answers"], strict=True
        )
    ]  # fmt: skip
    return sorted(made, key=lambda query: (len(query.prompt), query.item))


def larger(folder: Path, base: Path) -> Path:
    """A random Llama, some ten times the embedded one's size, with the same tokenizer."""
    from transformers import LlamaConfig, LlamaForCausalLM

    _, tokenizer = load_model(base)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=8192, hidden_size=384, intermediate_size=768, num_hidden_layers=8,
        num_attention_heads=8, num_key_value_heads=8, max_position_embeddings=512,
        bos_token_id=1, eos_token_id=2, pad_token_id=0, initializer_range=0.05,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def compare(folder: Path, deck: Path, n: int, turns: int, name: str) -> None:
    """Lines of the table for one model."""
    from transformer_lens.model_bridge import TransformerBridge

    model, tokenizer = load_model(folder)
    head, fill = read_head(folder), pad_id(tokenizer)
    queries = make_queries(tokenizer, deck, n)
    bridge = TransformerBridge.boot_transformers(str(folder), device="cpu", dtype=torch.float32)
    ways: dict[str, Callable[[], Iterator[np.ndarray]]] = {
        "ours": lambda: ours(model, head, queries, fill),
        "TransformerLens, as documented": lambda: one_by_one(bridge, queries),
        "tuned-lens trajectories": lambda: trajectories(model, queries),
        "TransformerLens, equal batches": lambda: batched(bridge, queries, fill),
    }
    tables = {way: whole(run()) for way, run in ways.items()}
    least = dict.fromkeys(ways, np.inf)
    for _ in range(turns):
        for way, run in ways.items():
            started = time.process_time()
            whole(run())
            least[way] = min(least[way], time.process_time() - started)
    for way, seconds in least.items():
        gap, differing = furthest(tables[way], tables["ours"])
        print(
            f"| {name} | {way} | {1000 * seconds / n:.2f} | {seconds / least['ours']:.1f} | "
            f"{gap:.0e} | {differing} |"
        )


def peak(folder: Path, deck: Path, copies: int) -> float:
    """Peak memory (MiB) of a process that makes our table of so many times 200 prompts."""
    code = (
        "import sys, resource; from pathlib import Path; "
        "sys.path.insert(0, sys.argv[4]); import lens;"
        "model, tokenizer = lens.load_model(sys.argv[1]); head = lens.read_head(sys.argv[1]);"
        "queries = lens.make_queries(tokenizer, Path(sys.argv[2]), 200) * int(sys.argv[3]);"
        "queries.sort(key=lambda query: len(query.prompt));"
        "done = sum(len(part) for part in lens.ours(model, head, queries, 0));"
        "assert done == 200 * int(sys.argv[3]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    command = [sys.executable, "-c", code, str(folder), str(deck), str(copies),
               str(Path(__file__).parent)]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.splitlines()[-1])


def main() -> None:
    """Print the report."""
    base, deck = Path(sys.argv[1]), Path(sys.argv[2])
    if os.environ.get("OMP_NUM_THREADS") != "1":
        raise SystemExit("numpy takes its threads at import; start with OMP_NUM_THREADS=1")
    torch.set_num_threads(1)
    made = (
        f"Python {sys.version.split()[0]}, torch {torch.__version__}, {time.strftime('%Y-%m-%d')}"
    )
    print(f"{made}, one thread; made by `benchmarks/lens.py`.\n")
    print(
        "| model | recipe | CPU-ms per prompt | times ours | difference, relative | ids differing |"
    )
    print("|---|---|---|---|---|---|")
    compare(base, deck, N_PROMPTS, TURNS, "embedded, 6 × 128, 2,048 tokens")
    with tempfile.TemporaryDirectory() as folder:
        model = larger(Path(folder), base)
        compare(model, deck, 50, 2, "random, 8 × 384, 8,192 tokens")
    few, many = peak(base, deck, 1), peak(base, deck, 8)
    print(f"\nPeak memory of our table: {few:.0f} MiB for 200 prompts, {many:.0f} for 1,600.")
    kept = {name: rows * width * 4 for name, (rows, width) in SIZES.items()}
    print("Kept per prompt and place, whatever its length: "
          + ", ".join(f"{size / 1e3:,.1f} kB of {name}" for name, size in kept.items())
          + "; a trajectory of log-probabilities of 100 tokens would be "
          + ", ".join(f"{r * 100 * VOCABULARY[name] * 4 / 1e6:,.0f} MB of {name}"
                      for name, (r, _) in SIZES.items()) + ".")  # fmt: skip


SIZES = {"the embedded model": (7, 128), "Llama-3-8B": (33, 4096)}
"""Rows and width."""
VOCABULARY = {"the embedded model": 2048, "Llama-3-8B": 128256}

if __name__ == "__main__":
    main()
