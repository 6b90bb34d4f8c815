"""Real tokens per second of a defence's three-view step, against the step done the plain way.

    python benchmarks/defence.py [RESULTS] [--steps 12]     # after a default run

Ours: one pass over all views of a batch's twins, what views of a twin share passed once
(`residue.edits.trees`), in buckets of like length, the head applied where a token is learnt. Plain:
one forward per view, each padded to the longest of the whole batch, logits everywhere, losses
masked. Both do forward and backward of the same loss (the mean −log p of the answer tokens of all
views) through the default LoRA on the same batches, in turns. A real token is one that is no
padding, counted in every view; seconds are CPU time of the process on one thread.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from residue.core.artifacts import read_parquet
from residue.edits.answers import Example, score
from residue.edits.batches import Batch, Batches
from residue.edits.feed import defence_pools
from residue.edits.methods.lora import Edit
from residue.models.encoding import pad_batch
from residue.models.lean import lean_transformers
from residue.models.loading import load_model

VIEWS = 3


def shared(model: Any, batch: Batch) -> torch.Tensor:
    """One pass, what views share once, buckets, logits where supervised."""
    units = batch["twin"]
    examples = [views[place] for place in range(VIEWS) for views in units]
    together = [range(unit, len(examples), len(units)) for unit in range(len(units))]
    return -score(model, examples, together=together).tokens.mean()


def apart(model: Any, batch: Batch) -> torch.Tensor:
    """A forward for each view, padded to the batch's longest text, logits everywhere."""
    longest = max(len(view.ids) for views in batch["twin"] for view in views)
    lost = [
        plain(model, [views[place] for views in batch["twin"]], longest) for place in range(VIEWS)
    ]
    return torch.cat(lost).mean()


def plain(model: Any, examples: Sequence[Example], longest: int) -> torch.Tensor:
    """−log p of the learnt tokens from a whole padded forward."""
    filler = Example("", (0,) * longest, longest)
    padded = pad_batch([each.ids for each in (*examples, filler)], fill=0)
    rows = slice(0, len(examples))
    logits = model(
        input_ids=padded.ids[rows], attention_mask=padded.mask[rows], use_cache=False
    ).logits
    labels = torch.full((len(examples), longest), -100)
    for row, each in enumerate(examples):
        labels[row, each.start : len(each.ids)] = torch.tensor(each.ids[each.start :])
    shifted = logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten()
    lost = torch.nn.functional.cross_entropy(*shifted, ignore_index=-100, reduction="none")
    return lost[shifted[1] != -100]


def seconds(run: Callable[[Any, Batch], torch.Tensor], model: Any, batch: Batch) -> float:
    """CPU time of forward and backward."""
    begun = time.process_time()
    run(model, batch).backward()
    return time.process_time() - begun


def larger(words: int) -> Any:
    """A random Llama, 8 × 384, over a vocabulary of 8,192 or more."""
    lean_transformers()
    from transformers.models.llama.configuration_llama import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=max(words, 8192),
        hidden_size=384,
        intermediate_size=1024,
        num_hidden_layers=8,
        num_attention_heads=6,
    )
    return LlamaForCausalLM(config).eval()


def main() -> None:
    """Print a line of the table for each model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="?", default="results", type=Path)
    parser.add_argument("--steps", default=12, type=int)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    embedded, tokenizer = load_model(arguments.results / "models" / "pair0" / "base")
    data = read_parquet(arguments.results / "world" / "defence_data.parquet")
    batches = Batches(defence_pools(tokenizer, data), {"twin": 20}, seed=1)
    print(
        "| model | shared, tokens per CPU-s | apart | ratio, median | least | most | real share |"
    )
    print("|---|---|---|---|---|---|---|")
    shape = embedded.config
    name = f"embedded, {shape.num_hidden_layers} × {shape.hidden_size}, {shape.vocab_size:,} tokens"
    models = {name: (embedded, arguments.steps)}
    models["random, 8 × 384, 8,192 tokens"] = (larger(shape.vocab_size), arguments.steps // 3)
    for name, (model, steps) in models.items():
        print(f"| {name} | {line(model, batches, steps)} |", flush=True)


def line(model: Any, batches: Batches, steps: int) -> str:
    """The numbers of one model."""
    Edit().attach(model, seed=1, place=1)
    told: dict[str, list[float]] = {"shared": [], "apart": []}
    filled = []
    for number in range(steps + 1):
        batch = batches(number)
        examples = [view for views in batch["twin"] for view in views]
        real = sum(len(each.ids) for each in examples)
        with torch.no_grad():
            difference = float(shared(model, batch) - apart(model, batch))
        if abs(difference) > 1e-4:
            raise RuntimeError(f"the two losses differ by {difference}")
        speeds = {run.__name__: real / seconds(run, model, batch) for run in (shared, apart)}
        if number:  # the first warms up
            filled.append(real / (len(examples) * max(len(each.ids) for each in examples)))
            for name, speed in speeds.items():
                told[name].append(speed)
    ratios = [a / b for a, b in zip(told["shared"], told["apart"], strict=True)]
    medians = [f"{statistics.median(told[name]):.0f}" for name in told]
    spread = [f"{value:.2f}" for value in (statistics.median(ratios), min(ratios), max(ratios))]
    return " | ".join([*medians, *spread, f"{statistics.mean(filled):.0%}"])


if __name__ == "__main__":
    main()
