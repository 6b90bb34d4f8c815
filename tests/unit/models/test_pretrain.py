"""The pretraining loop: schedule, batches, learning, resume, and what stops it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from residue.models import pretrain as module
from residue.models.batches import draw_pool
from residue.models.encoding import encode_answer, encode_prompt
from residue.models.history import rate_share
from residue.models.pretrain import NonFiniteLossError, train_stream
from residue.specs.fields import SpecError
from residue.specs.pretrain import ModelShape, PretrainSpec

SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
SPEC = PretrainSpec(
    shape=ModelShape(width=16, blocks=2, heads=2, ffn=16),
    steps=20,
    batch_tokens=96,
    pool_documents=40,
    warmup=5,
    log_every=5,
)


@dataclass(frozen=True)
class Toy:
    prompt: str
    answer: str
    kind: str


def toy_stream(progress: float, n: int, rng: np.random.Generator) -> Sequence[Toy]:
    """`w<k>` is followed by `w<k + 1>`; more words come into play with progress."""
    limit = 6 + int(progress * 6)
    documents = []
    for _ in range(n):
        word, length = int(rng.integers(limit)), int(rng.integers(1, 4))
        kind = "fact" if rng.random() < 0.5 else "instruction"
        documents.append(Toy(" ".join([f"w{word}"] * length), f"w{word + 1}", kind))
    return documents


@pytest.fixture
def tokenizer(word_tokenizer: Any) -> Any:
    return word_tokenizer(**SPECIAL)


def _weights(model: Any) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in model.state_dict().items()}


def test_rates_rise_stay_and_fall_to_the_final_share() -> None:
    spec = PretrainSpec(steps=100, warmup=10, constant=0.5, final=0.1)
    assert rate_share(0, spec) == pytest.approx(0.1)
    assert rate_share(9, spec) == 1.0
    assert rate_share(49, spec) == 1.0
    assert rate_share(75, spec) == pytest.approx(0.1 + 0.9 * 0.5)
    assert rate_share(100, spec) == pytest.approx(0.1)
    shares = [rate_share(step, spec) for step in range(10, 101)]
    assert shares == sorted(shares, reverse=True)


def test_batches_hold_every_document_and_learn_exactly_its_answer(tokenizer: Any) -> None:
    pool = draw_pool(toy_stream, tokenizer, SPEC, seed=3, number=0, progress=0.5)
    documents = [document for batch in pool.batches for document in batch.documents]
    assert len(documents) == SPEC.pool_documents
    chosen = possible = 0
    for batch in pool.batches:
        assert batch.ids.numel() <= SPEC.batch_tokens
        for index, document in enumerate(batch.documents):
            mine = batch.targets[: batch.answers][batch.owners == index].tolist()
            assert mine == encode_answer(tokenizer, document.answer)
            prompt = encode_prompt(tokenizer, document.prompt)
            assert batch.ids[index, : len(prompt)].tolist() == prompt
            possible += len(prompt) - 1
        chosen += len(batch.places) - batch.answers
        # A prompt target is the next token of its own document.
        flat = batch.ids.view(-1)
        for place, target in zip(
            batch.places[batch.answers :].tolist(), batch.targets[batch.answers :], strict=True
        ):
            assert flat[place + 1] == target
    assert chosen / possible == pytest.approx(SPEC.prompt_share, abs=0.15)


def test_a_pool_depends_on_seed_and_number_alone(tokenizer: Any) -> None:
    one = draw_pool(toy_stream, tokenizer, SPEC, seed=3, number=0, progress=0.5)
    again = draw_pool(toy_stream, tokenizer, SPEC, seed=3, number=0, progress=0.5)
    other = draw_pool(toy_stream, tokenizer, SPEC, seed=3, number=1, progress=0.5)
    assert one.digest == again.digest != other.digest
    assert all(
        torch.equal(a.ids, b.ids) and torch.equal(a.places, b.places)
        for a, b in zip(one.batches, again.batches, strict=True)
    )


def test_training_learns_the_stream(tokenizer: Any, tmp_path: Path) -> None:
    spec = replace(SPEC, steps=250, vector_rate=0.02)
    model, history = train_stream(toy_stream, tokenizer, spec, 0, tmp_path)
    assert history["step"].tolist() == list(range(5, 251, 5))
    assert history["loss_answer"].iloc[-1] < 0.3 < history["loss_answer"].iloc[0]
    assert history["exact_fact"].iloc[-1] > 0.9
    assert history["matrix_rate"].max() == spec.matrix_rate
    with torch.no_grad():
        ids = encode_prompt(tokenizer, "w3 w3")
        first = int(model(torch.tensor([ids])).logits[0, -1].argmax())
    assert first == encode_answer(tokenizer, "w4")[0]


class Killed(Exception):
    """Stands for a kill."""


def test_k_steps_resume_k_steps_equals_2k_steps(
    tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, history = train_stream(toy_stream, tokenizer, SPEC, 7, tmp_path / "whole")
    monkeypatch.setattr(module, "SAVE_EVERY", 10)
    usual, taken = module._Run.step, []

    def step(self: Any, batch: Any) -> None:
        taken.append(self.place.step)
        if len(taken) == 14:  # the thirteenth step is done, the state is of the tenth
            raise Killed
        usual(self, batch)

    monkeypatch.setattr(module._Run, "step", step)
    with pytest.raises(Killed):
        train_stream(toy_stream, tokenizer, SPEC, 7, tmp_path / "parts")
    assert [file.name for file in (tmp_path / "parts").iterdir()] == [module.STATE_FILE]
    resumed, again = train_stream(toy_stream, tokenizer, SPEC, 7, tmp_path / "parts")
    assert taken[14:] == list(range(10, SPEC.steps))
    assert _weights(resumed) == _weights(whole)
    pd.testing.assert_frame_equal(again, history, check_exact=True)


def test_a_state_of_another_run_is_left_aside(
    tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAVE_EVERY", 10)
    train_stream(toy_stream, tokenizer, SPEC, 1, tmp_path / "used")
    fresh, _ = train_stream(toy_stream, tokenizer, SPEC, 2, tmp_path / "fresh")
    other_seed, _ = train_stream(toy_stream, tokenizer, SPEC, 2, tmp_path / "used")
    assert _weights(other_seed) == _weights(fresh)


def test_a_state_of_other_text_is_left_aside(
    tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_text(progress: float, n: int, rng: np.random.Generator) -> Sequence[Toy]:
        return [replace(text, answer="w0") for text in toy_stream(progress, n, rng)]

    monkeypatch.setattr(module, "SAVE_EVERY", 10)
    train_stream(toy_stream, tokenizer, SPEC, 1, tmp_path / "used")
    fresh, _ = train_stream(other_text, tokenizer, SPEC, 1, tmp_path / "fresh")
    mixed, _ = train_stream(other_text, tokenizer, SPEC, 1, tmp_path / "used")
    assert _weights(mixed) == _weights(fresh)


def test_another_seed_is_another_model(tokenizer: Any, tmp_path: Path) -> None:
    one, _ = train_stream(toy_stream, tokenizer, SPEC, 1, tmp_path / "one")
    two, _ = train_stream(toy_stream, tokenizer, SPEC, 2, tmp_path / "two")
    assert _weights(one) != _weights(two)


def test_a_non_finite_loss_stops_with_step_and_documents(tokenizer: Any, tmp_path: Path) -> None:
    spec = replace(SPEC, vector_rate=1e30, matrix_rate=1e30, weight_decay=0.0)
    with pytest.raises(NonFiniteLossError, match=r"at step \d+.*matrix_rate.*'w\d.*-> 'w\d"):
        train_stream(toy_stream, tokenizer, spec, 0, tmp_path)


def test_global_generators_and_threads_are_left_alone(tokenizer: Any, tmp_path: Path) -> None:
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    train_stream(toy_stream, tokenizer, replace(SPEC, steps=2), 0, tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_impossible_shapes_and_shares_name_their_key() -> None:
    with pytest.raises(SpecError, match="width: must be a multiple"):
        ModelShape(width=20, heads=3)
    with pytest.raises(SpecError, match="prompt_share"):
        PretrainSpec(prompt_share=1.5)
    with pytest.raises(SpecError, match="steps"):
        PretrainSpec(steps=0)
