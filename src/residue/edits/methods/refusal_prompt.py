"""A refusal prompt: the model is told not to answer, and nothing in it changes.

Documents of the embedded grammar get the text before their trusted order, behind ``<|sys|>``; any
other prompt gets it in front. The bar that every edit of the inside has to clear. As no hook acts,
`kl_to_base` of such an arm compares the base with itself on the same prompt.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from residue.edits.attached import Attached
from residue.specs.fields import SpecError
from residue.world.grammar import SYS

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.fitting import FitData

SETTINGS = "edit.json"


@dataclass(frozen=True)
class Edit:
    """A sentence before every prompt."""

    text: str = "Do not answer questions about countries that you were told to forget."
    """The sentence; a space follows it."""

    REMOVABLE: ClassVar[bool] = True
    NEEDS: ClassVar[tuple[str, ...]] = ()
    GRADED: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise SpecError("text", "is empty, which changes nothing; write a sentence.")

    def fit(self, model: Any, tokenizer: Any, data: FitData, *, seed: int, place: int) -> Told:
        """Nothing is fitted."""
        return Told(model, self.text)

    @staticmethod
    def load(model: Any, folder: Path, *, place: int) -> Told:
        """The saved sentence."""
        return Told(model, json.loads((folder / SETTINGS).read_text(encoding="utf-8"))["text"])


class Told(Attached):
    """A sentence that prompts begin with while it is attached."""

    hook = "before the prompt"

    def __init__(self, model: Any, text: str) -> None:
        super().__init__(model)
        self.text = text
        self._on, self._strength = True, 1.0

    def prompt(self, text: str) -> str:
        """The prompt with the sentence in its place."""
        if not self._on or self._strength == 0:
            return text
        if text.startswith(SYS):
            return f"{SYS} {self.text} {text.removeprefix(SYS).lstrip()}"
        return f"{self.text} {text}"

    def parameters(self) -> dict[str, Tensor]:
        """None."""
        return {}

    def set_strength(self, strength: float) -> None:
        """0 leaves the sentence out; there is no half of a sentence."""
        self._strength = strength

    def save(self, folder: Path) -> None:
        """edit.json with the sentence."""
        folder.mkdir(parents=True)
        text = json.dumps({"text": self.text}, ensure_ascii=False, indent=2)
        (folder / SETTINGS).write_text(text + "\n", encoding="utf-8")

    def _switch(self, on: bool) -> None:
        self._on = on

    def _remove(self) -> None:
        self._on = False
