"""A refusal prompt: the model is told not to answer, and nothing in it changes.

Documents of the embedded grammar get the text before their trusted order, behind ``<|sys|>``; any
other prompt gets it in front. The bar that every edit of the inside has to clear. As no hook acts,
`kl_to_base` of such an arm compares the base with itself on the same prompt.
"""

from __future__ import annotations

from dataclasses import dataclass

from residue.edits.prompting import PromptEdit
from residue.specs.fields import SpecError
from residue.world.grammar import SYS


@dataclass(frozen=True)
class Edit(PromptEdit):
    """A sentence before every prompt."""

    text: str = "Do not answer questions about countries that you were told to forget."
    """The sentence; a space follows it."""

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise SpecError("text", "is empty, which changes nothing; write a sentence.")

    def rewritten(self, prompt: str) -> str:
        """The prompt with the sentence in its place."""
        if prompt.startswith(SYS):
            return f"{SYS} {self.text} {prompt.removeprefix(SYS).lstrip()}"
        return f"{self.text} {prompt}"
