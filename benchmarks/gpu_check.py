"""Random models of real shapes on a card held to 6 GiB: the plan against the measured peak.

    make gpu-check

For each shape (Llama-3.2-1B, Llama-3.2-3B, Llama-2-7B) with NF4 weights, LoRA of rank 16, 8-bit
moments and recomputed blocks: one update on three views of one text, and one NPO update on two
texts, each at the longest of the lengths that the plan lets through. Prints a line for each; the
exit code is 1 where a measured peak differs from the plan by more than a tenth. Weights are random
and nothing is downloaded. Not yet run on a card by us.

    python benchmarks/gpu_check.py --rehearse

makes both updates of a model of two small blocks on the CPU: that the script runs, and no number.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMIT_GIB = 6.0
LENGTHS = (1024, 768, 512, 384, 256, 128)
RANK = 16
WITHIN = 0.10
SHARED = {"bos_token_id": 1, "eos_token_id": 2, "max_position_embeddings": 4096}
SHAPES: dict[str, dict[str, Any]] = {
    "Llama-3.2-1B": {
        "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
        "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
        "tie_word_embeddings": True,
    },
    "Llama-3.2-3B": {
        "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 28,
        "num_attention_heads": 24, "num_key_value_heads": 8, "vocab_size": 128256,
        "tie_word_embeddings": True,
    },
    "Llama-2-7B": {
        "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 32000,
        "tie_word_embeddings": False,
    },
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """One sort of update: sequences forwarded with gradient, and the share of supervised tokens."""

    name: str
    sequences: int
    supervised: float


KINDS = (Kind("three views", 3, 0.25), Kind("npo", 2, 0.25))


REHEARSED = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 256, "tie_word_embeddings": True,
}  # fmt: skip


def main() -> int:
    """Run every shape and kind; 1 where the plan was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    told = "both updates of a small model on the CPU, measuring nothing"
    parser.add_argument("--rehearse", action="store_true", help=told)
    if parser.parse_args().rehearse:
        return rehearse()
    import torch

    if not torch.cuda.is_available():
        print("no card that torch can use: nothing was checked")
        return 2
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, LIMIT_GIB * 1024**3 / total))
    print(f"{torch.cuda.get_device_name(0)}, allocator held to {LIMIT_GIB} GiB")
    lines = [line for shape in SHAPES for line in check(shape)]
    for line in lines:
        print(json.dumps(line))
    Path("benchmarks/gpu_check.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8"
    )
    return int(any(abs(line.get("ratio", 1.0) - 1) > WITHIN for line in lines))


def rehearse() -> int:
    """Both updates on the CPU, of a small model; nothing is measured."""
    from residue.models.lean import lean_transformers

    lean_transformers()
    from transformers import LlamaConfig

    model = packed_model(LlamaConfig(**REHEARSED, **SHARED), "cpu")
    for kind in KINDS:
        one_update(model, kind, length=32)
        print(f"{kind.name}: two updates made on the CPU, nothing measured")
    return 0


def check(name: str) -> list[dict[str, Any]]:
    """Both kinds of update on one shape; a line each."""
    import torch

    from residue.edits.methods.lora import Edit
    from residue.models.lean import lean_transformers
    from residue.models.memory import GIB, kept_bytes, on_meta, shape_of, training

    lean_transformers()
    from transformers import LlamaConfig

    config = LlamaConfig(**SHAPES[name], **SHARED)
    shape, meta = shape_of(config, "bfloat16"), on_meta(config, "bfloat16").requires_grad_(False)
    Edit(rank=RANK).attach(meta, seed=0, place=1)
    lines, model = [], None
    for kind in KINDS:
        for length in LENGTHS:
            tokens = kind.sequences * length
            plan = training(
                shape, kept_bytes(meta, kind.sequences, length), trained=shape.lora(RANK),
                tokens=tokens, supervised=int(tokens * kind.supervised), base="nf4",
                recompute=True, moments=8,
            )  # fmt: skip
            if plan.total <= LIMIT_GIB * GIB:
                break
        else:
            lines.append({"shape": name, "kind": kind.name, "note": "the plan lets no length in"})
            continue
        model = model or packed_model(config, "cuda")
        planned = (plan.total - plan.overhead) / GIB
        measured, seconds = one_update(model, kind, length)
        lines.append(
            {
                "shape": name, "kind": kind.name, "length": length, "planned_gib": planned,
                "measured_gib": measured / GIB, "ratio": measured / GIB / planned,
                "updates_per_second": 1 / seconds,
            }
        )  # fmt: skip
    del model
    torch.cuda.empty_cache()
    return lines


def packed_model(config: Any, device: str) -> Any:
    """A random model on the card, each linear layer of its blocks in NF4 from the start."""
    import torch

    from residue.edits.methods.lora import Edit
    from residue.models.blocks import describe
    from residue.models.memory import on_meta
    from residue.models.packing import hold, packed

    generator = torch.Generator(device).manual_seed(0)

    def drawn(shape: Any) -> torch.Tensor:
        values = torch.empty(shape, dtype=torch.bfloat16, device=device)
        return values.normal_(0.0, 0.02, generator=generator)

    model = on_meta(config, "bfloat16").requires_grad_(False)
    for block in describe(model).blocks:
        for layer in block.modules():
            if isinstance(layer, torch.nn.Linear):
                hold(layer, packed(drawn(layer.weight.shape), double=True))
    made: dict[int, torch.nn.Parameter] = {}
    for module in model.modules():
        for leaf, weight in module._parameters.items():
            if weight is not None and weight.is_meta:
                value = drawn(weight.shape) if weight.dim() == 2 else torch.ones_like(
                    weight, device=device
                )  # fmt: skip
                made.setdefault(id(weight), torch.nn.Parameter(value, requires_grad=False))
                module._parameters[leaf] = made[id(weight)]
    model.tie_weights()
    rotary = model.model.rotary_emb
    model.model.rotary_emb = type(rotary)(config=config).to(device)
    Edit(rank=RANK).attach(model, seed=0, place=1)
    return model


def one_update(model: Any, kind: Kind, length: int) -> tuple[float, float]:
    """Peak bytes of the allocator and seconds of the second of two updates."""
    import torch

    from residue.edits.answers import Example, score
    from residue.edits.memory import blocks_again
    from residue.edits.optimiser import FlatAdamW

    rng = torch.Generator().manual_seed(0)
    vocabulary = int(model.config.vocab_size)
    examples = [
        Example(
            str(number),
            tuple(torch.randint(3, vocabulary, (length,), generator=rng).tolist()),
            int(length * (1 - kind.supervised)),
        )
        for number in range(kind.sequences)
    ]
    weights = {name: w for name, w in model.named_parameters() if w.requires_grad}
    optimiser = FlatAdamW(weights, weight_decay=0.0, bits=8)
    seconds, on_card = 0.0, next(model.parameters()).is_cuda
    for _ in range(2):
        if on_card:
            torch.cuda.reset_peak_memory_stats()
        started = time.monotonic()
        with blocks_again(model):
            said = score(model, examples, bucket=False)
            if kind.name == "npo":
                loss = torch.nn.functional.softplus(0.1 * said.sums).mean() - said.means[1]
            else:
                loss = -said.means.mean()
            loss.backward()
        optimiser.clip(1.0)
        optimiser.step(1e-4)
        if on_card:
            torch.cuda.synchronize()
        seconds = time.monotonic() - started
    return float(torch.cuda.max_memory_allocated()) if on_card else 0.0, seconds


if __name__ == "__main__":
    sys.exit(main())
