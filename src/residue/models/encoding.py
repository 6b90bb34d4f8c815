"""Text to ids, ids to padded batches: the one place where prompts and answers become numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Tensor


def encode_prompt(tokenizer: Any, prompt: str) -> list[int]:
    """Ids of a prompt: the start token where the tokenizer has one, then the prompt's own ids.

    An empty prompt needs a start token to condition on; without one, `ValueError`.
    """
    return encode_prompts(tokenizer, [prompt])[0]


def encode_answer(tokenizer: Any, answer: str) -> list[int]:
    """Ids of one space and the answer, then the end token; errors name the tokenizer.

    A tokenizer whose pre-tokeniser itself prepends a space yields the same ids with or without
    ours, so an answer never starts with two.
    """
    return encode_answers(tokenizer, [answer])[0]


def encode_prompts(tokenizer: Any, prompts: Sequence[str]) -> list[list[int]]:
    """`encode_prompt` of many texts at once, several times faster than one by one."""
    start = tokenizer.bos_token_id
    encoded = _plain_ids(tokenizer, prompts)
    if start is not None:
        return [[int(start), *ids] for ids in encoded]
    for prompt, ids in zip(prompts, encoded, strict=True):
        if not ids:
            raise ValueError(
                f"the prompt {prompt!r} has no tokens and the tokenizer {_name(tokenizer)} has no "
                "start token (bos_token); give the prompt some text"
            )
    return encoded


def encode_answers(tokenizer: Any, answers: Sequence[str]) -> list[list[int]]:
    """`encode_answer` of many texts at once."""
    end = tokenizer.eos_token_id
    if end is None:
        raise ValueError(
            f"the tokenizer {_name(tokenizer)} has no end token (eos_token), so an answer cannot "
            "be closed; set eos_token in its tokenizer_config.json"
        )
    lead = "" if _prepends_space(tokenizer) else " "
    return [[*ids, int(end)] for ids in _plain_ids(tokenizer, [lead + each for each in answers])]


def pad_id(tokenizer: Any) -> int:
    """The id that fills a batch: pad, else end, else 0. Masked places never change a number."""
    for token in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    return 0


@dataclass(frozen=True)
class Padded:
    """A rectangular batch: `ids`, `mask` (1 where real), `positions`, all (batch, length) int64."""

    ids: Tensor
    mask: Tensor
    positions: Tensor
    lengths: tuple[int, ...]

    def inputs(self) -> dict[str, Tensor]:
        """Keyword arguments for a `transformers` causal model."""
        return {
            "input_ids": self.ids,
            "attention_mask": self.mask,
            "position_ids": self.positions,
        }

    def offsets(self) -> tuple[int, ...]:
        """Column of the first real token of each sequence (0 under right padding)."""
        return tuple(int(value) for value in self.mask.argmax(dim=1))


def pad_batch(
    sequences: Sequence[Sequence[int]],
    fill: int,
    *,
    side: Literal["left", "right"] = "right",
    device: str = "cpu",
) -> Padded:
    """Pad id sequences to one length; positions count real tokens from 0 on either side.

    sequences: non-empty, each with at least one id; fill: id written into padded places (see
    `pad_id`). With `inputs()` every real place sees exactly its own predecessors at its own
    positions, so padding changes no number.
    """
    import torch

    if not sequences or not all(sequences):
        raise ValueError("a batch needs at least one sequence, and every sequence at least one id")
    lengths = tuple(len(sequence) for sequence in sequences)
    width = max(lengths)
    ids = torch.full((len(sequences), width), fill, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        where = slice(0, lengths[row]) if side == "right" else slice(width - lengths[row], width)
        ids[row, where] = torch.tensor(list(sequence), dtype=torch.int64)
        mask[row, where] = 1
    positions = (mask.cumsum(dim=1) - 1).clamp_(min=0)
    return Padded(ids.to(device), mask.to(device), positions.to(device), lengths)


def _plain_ids(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    if not texts:
        return []
    encoded = tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False)
    return [list(ids) for ids in encoded["input_ids"]]


def _prepends_space(tokenizer: Any) -> bool:
    # Asked of the tokenizer itself: "x" and " x" agree only when a space is put before "x" anyway
    # and never twice, or when spaces do not matter at all.
    bare, spaced = _plain_ids(tokenizer, ["x", " x"])
    return bare == spaced


def _name(tokenizer: Any) -> str:
    return repr(getattr(tokenizer, "name_or_path", "") or type(tokenizer).__name__)
