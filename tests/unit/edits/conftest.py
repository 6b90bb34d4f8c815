"""A random two-layer Llama with a character tokenizer, and edit data it can learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from residue.edits.methods.lora import Edit
from residue.models.lean import lean_transformers
from residue.models.loading import load_model

LETTERS = "abcdefghijklmnopqrstuvwxyz "


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved random model; its weights are large enough for logits that differ."""
    lean_transformers()
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split
    from transformers import PreTrainedTokenizerFast
    from transformers.models.llama.configuration_llama import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaForCausalLM

    words = ["<pad>", "<s>", "</s>", "<unk>", *LETTERS]
    core = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    core.pre_tokenizer = Split("", "isolated")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=192,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        initializer_range=0.15,
    )
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = LlamaForCausalLM(config)
    folder = tmp_path_factory.mktemp("models") / "base"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def loaded(base_folder: Path) -> tuple[Any, Any]:
    """A fresh model and its tokenizer."""
    return load_model(base_folder)


@pytest.fixture
def exact(loaded: tuple[Any, Any]) -> tuple[Any, Any]:
    """A model in float64 with an adapter that has an effect."""
    model, _ = loaded
    model.double()
    adapter = Edit(rank=2).attach(model, seed=1, place=1)
    source = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for weight in adapter.parameters().values():
            weight.data = weight.data.double()
            weight += 0.1 * torch.randn(weight.shape, generator=source)
    return model, adapter


@pytest.fixture(scope="session")
def edit_data() -> pd.DataFrame:
    """Prompts of unequal length with one-word answers, in all four sets."""
    rows = []
    for name, count in (("forget", 7), ("retain", 11), ("dev_forget", 3), ("dev_retain", 3)):
        for i in range(count):
            prompt = f"the {LETTERS[i]} of {name[: i % 5 + 2].replace('_', '')} is"
            answer = LETTERS[i : i + 2 + i % 3]
            fact = {"country": f"{name}-{i}", "language": ("en", "hi")[i % 2], "relation": "letter"}
            rows.append(
                {"set": name, "item": f"{name}/{i}", "prompt": prompt, "answer": answer, **fact}
            )
    return pd.DataFrame(rows)


@pytest.fixture(scope="session")
def sae_folder(base_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random SAE of row 1 of that model, with features that a picker ranked."""
    import numpy as np

    from residue.core.artifacts import write_parquet
    from residue.sae.files import save_sae, weights_sha256
    from residue.sae.models import Sae

    rng = np.random.default_rng(0)
    decoder = rng.normal(size=(96, 32)).astype(np.float32)
    decoder /= np.linalg.norm(decoder, axis=1, keepdims=True)
    zeros = np.zeros(96, np.float32), np.zeros(32, np.float32)
    sae = Sae("topk", decoder.T.copy(), zeros[0], decoder, zeros[1], k=12, row=1)
    folder = tmp_path_factory.mktemp("saes") / "choice0"
    origin = {
        "model_name": "tiny",
        "hook_name": "model.layers.1",
        "residue_model_sha256": weights_sha256(base_folder.glob("*.safetensors")),
    }
    save_sae(folder, sae, origin)
    order = rng.permutation(96)
    ranking = {"picker": "fisher", "feature": order, "score": np.linspace(2, -1, 96)}
    features = pd.DataFrame(ranking).assign(rank=np.arange(1, 97), stability=1.0)
    write_parquet(folder / "features.parquet", features)
    return folder
