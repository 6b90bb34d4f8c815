"""A law over labels against the model's own logits, and rows that were made smaller."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from residue.models.encoding import encode_answer, encode_prompt
from residue.records.choices import label_laws, question_ids
from residue.records.dampened import dampened, generations
from residue.records.recorder import record
from residue.specs.records import RecordsSpec
from residue.world.grammar import ANS, DATA, SYS

LABELS = ("yes", "no", "perhaps")


def by_hand(model: Any, prompt: list[int], endings: list[list[int]]) -> np.ndarray:
    """Labels one by one behind the prompt, without cache or padding."""
    logs = []
    for ending in endings:
        laws = model(torch.tensor([prompt + ending])).logits[0].float().log_softmax(dim=1)
        places = range(len(prompt) - 1, len(prompt) + len(ending) - 1)
        logs.append(sum(laws[at, token] for at, token in zip(places, ending, strict=True)))
    return torch.stack(logs).softmax(dim=0).numpy()


@torch.no_grad()
def test_a_law_is_the_models_own_whatever_stands_beside_it(model: Any, tokenizer: Any) -> None:
    prompts = [encode_prompt(tokenizer, text) for text in ("abc", "z" * 30, "q", "hello you")]
    endings = [encode_answer(tokenizer, label)[:-1] for label in LABELS]
    assert len({len(ending) for ending in endings}) == 3
    laws = label_laws(model, tokenizer, prompts, LABELS)
    wanted = np.stack([by_hand(model, prompt, endings) for prompt in prompts])
    np.testing.assert_allclose(laws, wanted, atol=2e-5)
    np.testing.assert_allclose(laws.sum(axis=1), 1.0)
    one = label_laws(model, tokenizer, prompts[2:3], LABELS)
    np.testing.assert_allclose(one[0], laws[2], atol=1e-6)


def test_what_does_not_fit_has_no_law(llama: Any, tokenizer: Any) -> None:
    context = llama.config.max_position_embeddings
    most = context - max(len(encode_answer(tokenizer, label)) - 1 for label in LABELS) + 1
    laws = label_laws(llama, tokenizer, [[5] * most, [5] * (most + 1)], LABELS)
    assert np.isfinite(laws[0]).all()
    assert np.isnan(laws[1]).all()


def test_questions_keep_their_channels_apart(tokenizer: Any) -> None:
    """Without channel tokens or a template it is paragraphs; data hold no reserved token."""
    plain = question_ids(tokenizer, "judge", f"reply {ANS} yes")
    assert plain == encode_prompt(tokenizer, "judge\n\nreply  yes\n\nAnswer:")

    class Channels:
        """A tokenizer that has them, and keeps the text it is asked to encode."""

        bos_token_id = None
        chat_template = None

        def get_vocab(self) -> dict[str, int]:
            return {SYS: 0, DATA: 1, ANS: 2}

        def __call__(self, texts: Any, **_: Any) -> dict[str, Any]:
            return {"input_ids": [list(text.encode()) for text in texts]}

        def convert_tokens_to_ids(self, token: str) -> int:
            return self.get_vocab()[token]

    written = bytes(question_ids(Channels(), "judge", f"reply {ANS} yes")).decode()
    assert written == f"{SYS} judge{DATA} reply  yes{ANS}"


def test_a_row_at_its_whole_size_changes_nothing_and_none_of_it_everything(
    llama: Any, tokenizer: Any, items: pd.DataFrame
) -> None:
    ids = torch.tensor([[1, 7, 9, 12]])
    with torch.no_grad():
        whole = llama(ids).logits
        with dampened(llama, 1, 1.0):
            torch.testing.assert_close(llama(ids).logits, whole)
        with dampened(llama, 1, 0.0):  # nothing is left of the texts: every place is alike
            empty = llama(ids).logits[0]
        torch.testing.assert_close(empty, empty[:1].expand_as(empty))
        # The final norm takes out any factor, up to its epsilon.
        with dampened(llama, llama.config.num_hidden_layers, 0.5):
            torch.testing.assert_close(llama(ids).logits, whole, atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(llama(ids).logits, whole)
    said = generations(llama, tokenizer, items, RecordsSpec(max_new_tokens=4), 1, 1.0)
    parts = record(llama, tokenizer, items, RecordsSpec(max_new_tokens=4))
    plain = pd.concat([part.generations.to_pandas() for part in parts], ignore_index=True)
    pd.testing.assert_frame_equal(said, plain)
    less = generations(llama, tokenizer, items, RecordsSpec(max_new_tokens=4), 1, 0.1)
    assert (less.set_index("item")["text"] != plain.set_index("item")["text"]).any()


def test_hooks_go_away_when_a_pass_fails(llama: Any) -> None:
    with pytest.raises(ZeroDivisionError), dampened(llama, 0, 0.3):
        raise ZeroDivisionError
    assert not any(module._forward_pre_hooks for module in llama.modules())
