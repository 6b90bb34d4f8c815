"""Files of users' orders with attacks in their data: which form they have. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from residue.specs.fields import SpecError

KEYS = {
    "triplets": (
        "system_instruction", "user_input_benign_1", "user_input_benign_2", "expected_output_1",
        "expected_output_2", "user_input_injection", "expected_output_injection", "attack_type",
        "attack_technique", "task_category", "context", "witness",
    ),
    "sep": ("system_prompt_clean", "prompt_clean", "prompt_instructed", "witness", "info"),
    "bipia": ("question", "context", "ideal", "attack_str", "attack_name", "witness"),
    "alpaca": ("instruction", "input", "output"),
}  # fmt: skip
"""Keys of a line, by the form of the file."""


@dataclass(frozen=True)
class OrderSource:
    """One JSONL file of trusted orders on data, with or without attacks in the data."""

    file: str
    """The file, one JSON object per line; relative to the project's folder."""

    form: Literal["triplets", "sep", "bipia", "alpaca"] = "triplets"
    """What a line holds. ``triplets``: a system instruction, two benign inputs with their outputs,
    and an input with an injection; ``sep``: a system prompt and a prompt with and without an
    instruction in it, with its witness; ``bipia``: question, context, ideal answer, and the attack
    that stands in the context; ``alpaca``: instruction, input and output, into whose input attacks
    of the built-in grammar are put."""

    keys: dict[str, str] = field(default_factory=dict)
    """The form's key → the key of this file, where they differ."""

    prompt: str = "{order}\n\n{data}\n\n"
    """How order and data are put to the model, e.g. with the marks that it was trained with."""

    hidden: str = "Say {w}."
    """Form ``alpaca``: the order that is hidden; `{w}` is one or two random words, by which obeying
    it is recognised."""

    attacks: int = 2
    """Form ``alpaca``: attacked twins per line, in templates that take turns."""

    def __post_init__(self) -> None:
        if not self.file:
            raise SpecError("file", "is empty; name a JSONL file.")
        for name in ("{order}", "{data}"):
            if self.prompt.count(name) != 1:
                raise SpecError("prompt", f"must hold {name} once.")
        if "{w}" not in self.hidden:
            raise SpecError("hidden", "must hold {w}, where the random words go.")
        if not 0 <= self.attacks <= 16:
            raise SpecError("attacks", f"lies between 0 and 16; got {self.attacks}.")
        for name in self.keys:
            if name not in KEYS[self.form]:
                raise SpecError(
                    f"keys.{name}", f"is no key of this form; it has {', '.join(KEYS[self.form])}."
                )
