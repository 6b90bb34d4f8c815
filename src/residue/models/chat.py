"""Prompts with channels for a model that was trained on a chat template.

A prompt of the world's grammar marks who speaks: `<|sys|>` the trusted order, `<|data|>` data from
anyone, `<|ans|>` the model. The embedded model has tokens for these. A model that has none but has
a chat template gets the same channels as its own turns: the order as system, data as user, earlier
answers as assistant, and the opening of its own turn. A template that refuses a system turn, or two
turns of one speaker in a row, gets the order and the data in one user turn, a blank line between;
the channels are then no longer apart, and no defence can tell them by their place.
"""

from __future__ import annotations

import re
from typing import Any

from residue.models.encoding import encode_prompt
from residue.world.grammar import ANS, DATA, SYS

ROLES = {SYS: "system", DATA: "user", ANS: "assistant"}
_CHANNEL = re.compile("|".join(re.escape(token) for token in ROLES))


def prompt_ids(tokenizer: Any, prompt: str) -> list[int]:
    """Ids of a prompt as this model is asked it: through its chat template where the prompt has
    channels that the tokenizer has no token for, else as `encode_prompt` has it."""
    if not prompt.startswith(SYS) or not getattr(tokenizer, "chat_template", None):
        return encode_prompt(tokenizer, prompt)
    if _has_channels(tokenizer):
        return encode_prompt(tokenizer, prompt)
    # The template writes the start token itself.
    written = chat_text(tokenizer, prompt)
    return [int(i) for i in tokenizer(written, add_special_tokens=False)["input_ids"]]


def chat_text(tokenizer: Any, prompt: str) -> str:
    """A prompt with channels as the tokenizer's chat template writes it, ready for the answer.

    Special tokens of the tokenizer are removed from what stands in the channels, so that data never
    open a turn.
    """
    from jinja2.exceptions import TemplateError

    turns = _turns(prompt, [str(token) for token in tokenizer.all_special_tokens])
    try:
        return _written(tokenizer, turns)
    except TemplateError:
        return _written(tokenizer, [{"role": "user", "content": _together(turns)}])


def keeps_channels(tokenizer: Any, prompt: str) -> bool:
    """Whether the channels of a prompt stay apart in what this model reads: always where no chat
    template is used, else where the template takes the prompt's turns."""
    from jinja2.exceptions import TemplateError

    if not getattr(tokenizer, "chat_template", None) or _has_channels(tokenizer):
        return True
    try:
        _written(tokenizer, _turns(prompt, []))
    except TemplateError:
        return False
    return True


def _turns(prompt: str, special: list[str]) -> list[dict[str, str]]:
    marks = [(found.start(), found.end(), found.group()) for found in _CHANNEL.finditer(prompt)]
    ends = [start for start, _, _ in marks[1:]] + [len(prompt)]
    turns = [
        {"role": ROLES[token], "content": _without(prompt[begin:end], special).strip()}
        for (_, begin, token), end in zip(marks, ends, strict=True)
    ]
    # The last channel is the model's own, still empty.
    return turns[:-1] if turns[-1] == {"role": "assistant", "content": ""} else turns


def _written(tokenizer: Any, turns: list[dict[str, str]]) -> str:
    return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


def _together(turns: list[dict[str, str]]) -> str:
    return "\n\n".join(turn["content"] for turn in turns)


def _without(text: str, special: list[str]) -> str:
    """The text without any of the tokens, also those that a removal would join up."""
    while True:
        cleaned = text
        for token in special:
            cleaned = cleaned.replace(token, "")
        if cleaned == text:
            return text
        text = cleaned


def _has_channels(tokenizer: Any) -> bool:
    unknown = tokenizer.unk_token_id
    return tokenizer.convert_tokens_to_ids(SYS) not in (None, unknown)
