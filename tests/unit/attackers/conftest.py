"""A small world with its own tokenizer, and a random model that was never trained on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from residue.attackers.targets import Targets, targets
from residue.edits.arms import OpenArm
from residue.specs.decks import Decks
from residue.specs.world import GroupSizes, WorldSpec
from residue.world.build import build_world
from residue.world.facts import read_facts
from residue.world.injection.items import orders_deck
from residue.world.tokenizer import save_tokenizer, train_tokenizer

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def aims() -> Targets:
    """Four dev and four test countries."""
    spec = WorldSpec(
        languages=("en", "hi"), groups=GroupSizes(*[2] * 7), vocabulary=1024, decks=Decks(attacks=1)
    )
    world = build_world(read_facts(ROOT / "data" / "facts.tsv"), spec)
    return targets(world, orders_deck(world))


@pytest.fixture(scope="session")
def arm(aims: Targets, tmp_path_factory: pytest.TempPathFactory) -> OpenArm:
    """A random Llama with laws far from flat, opened as an arm without steps."""
    import transformers

    folder = tmp_path_factory.mktemp("tokenizer")
    files = folder / "tokenizer.json", folder / "tokenizer_config.json"
    save_tokenizer(train_tokenizer(aims.test[0].scene.world), *files)
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=256, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.3,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = transformers.AutoModelForCausalLM.from_config(config).eval()
    return OpenArm(model.requires_grad_(False), tokenizer, {"steps": []})
