"""Tiny random models of several architectures and a tokenizer of single characters."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from residue.models.encoding import encode_answer, encode_prompt

ALPHABET = "abcdefghijklmnopqrstuvwxyz"
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    vocabulary = {token: index for index, token in enumerate([*SPECIAL, "▁", *ALPHABET])}
    inner = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    inner.decoder = decoders.Metaspace(prepend_scheme="always")
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
    )


SIZES = {"vocab_size": 31, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}


def llama_config() -> Any:
    return transformers.LlamaConfig(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=64,
        **SIZES,
    )


def gpt2_config() -> Any:
    return transformers.GPT2Config(n_embd=16, n_layer=2, n_head=2, n_positions=64, **SIZES)


def gemma2_config() -> Any:
    # A sliding window shorter than the prompts, and a softcap after the head.
    return transformers.Gemma2Config(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        sliding_window=4,
        final_logit_softcapping=5.0,
        max_position_embeddings=64,
        **SIZES,
    )


def random_model(config: Any, seed: int = 0) -> Any:
    """A random model whose laws are far from flat, so that answers differ between items."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = transformers.AutoModelForCausalLM.from_config(config)
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.data.normal_(0.0, 0.25)
            else:
                parameter.data.add_(torch.rand_like(parameter))
    return model.eval()


@pytest.fixture(scope="session", params=["llama", "gpt2", "gemma2"])
def model(request: pytest.FixtureRequest) -> Any:
    configs = {"llama": llama_config, "gpt2": gpt2_config, "gemma2": gemma2_config}
    return random_model(configs[request.param]())


@pytest.fixture(scope="session")
def build_llama() -> Callable[[int], Any]:
    """A new random Llama for a seed."""
    return lambda seed: random_model(llama_config(), seed)


@pytest.fixture(scope="session")
def llama(build_llama: Callable[[int], Any]) -> Any:
    return build_llama(0)


@pytest.fixture(scope="session")
def make_items() -> Callable[[int, int], pd.DataFrame]:
    return random_items


@pytest.fixture(scope="session")
def items() -> pd.DataFrame:
    return random_items(24, seed=7)


def random_items(n: int, seed: int) -> pd.DataFrame:
    """Items with prompts of 1 to 20 letters and answers of 1 to 6; every fifth has no answer."""
    rng = np.random.default_rng(seed)

    def word(most: int) -> str:
        return "".join(rng.choice(list(ALPHABET), size=rng.integers(1, most + 1)))

    return pd.DataFrame(
        {
            "item": [f"item-{number:03}" for number in range(n)],
            "prompt": [word(20) for _ in range(n)],
            "answers": [[] if number % 5 == 4 else [word(6)] for number in range(n)],
            "witness": ["" for _ in range(n)],
        }
    )


@pytest.fixture(scope="session")
def teach(tokenizer: Any) -> Callable[..., None]:
    """Train a model some steps to give the items' first answers."""

    def train(model: Any, items: pd.DataFrame, steps: int) -> None:
        optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
        texts = [
            (encode_prompt(tokenizer, prompt), encode_answer(tokenizer, answers[0]))
            for prompt, answers in zip(items["prompt"], items["answers"], strict=True)
        ]
        for _ in range(steps):
            loss = torch.zeros(())
            for prompt, answer in texts:
                logits = model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
                loss = loss + torch.nn.functional.cross_entropy(logits, torch.tensor(answer))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    return train
