"""An edit attached to a model: on, off, at a strength, or taken off for good."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Attached(ABC):
    """What `Edit.attach` and `Edit.load` give; the model stays the plain `transformers` object.

    Attaching freezes the model's own weights; `detach` gives back model and flags as they were.
    """

    AFTER_HEAD: ClassVar[bool] = False
    """Whether it changes logits after the head made them; no row and no lens shows it."""
    hook: str
    """Where it sits, in words for arm.json."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self._flags = [(weight, weight.requires_grad) for weight in model.parameters()]
        for weight, _ in self._flags:
            weight.requires_grad_(False)

    @abstractmethod
    def parameters(self) -> dict[str, Tensor]:
        """The edit's own weights by name, in a fixed order."""

    @abstractmethod
    def set_strength(self, strength: float) -> None:
        """Scale the edit's effect: 1 as trained, 0 exactly the model without it."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the edit's files into a new folder; equal weights give equal bytes."""

    def penalty(self) -> Tensor | None:
        """What the edit itself adds to the loss, of the passes with gradient since the last call;
        most edits add nothing."""
        return None

    def prompt(self, text: str) -> str:
        """A prompt as the edit would have it asked; most edits leave prompts alone."""
        return text

    @abstractmethod
    def _switch(self, on: bool) -> None:
        """Let the edit take part in the forward pass, or not."""

    @abstractmethod
    def _remove(self) -> None:
        """Undo the attachment in the module tree."""

    @contextmanager
    def detached(self) -> Iterator[Any]:
        """The model without this edit, for a while."""
        self._switch(False)
        try:
            yield self.model
        finally:
            self._switch(True)

    def detach(self) -> None:
        """Take the edit off for good."""
        self._remove()
        for weight, flag in self._flags:
            weight.requires_grad_(flag)

    def trainable(self, train: bool) -> None:
        """Whether the edit's weights take gradients; the model's own never do."""
        for weight in self.parameters().values():
            weight.requires_grad_(train)


class EditMethod(Protocol):
    """What the class `Edit` of every file of `edits/methods/` offers.

    A trained edit has `attach`, an untrained one `fit`; the config gives the former an objective
    and the latter none. An option `row` of None stands for the best of the chosen rows.
    """

    REMOVABLE: ClassVar[bool]
    """True where whoever holds the files can leave the edit off (a guard); labelled in arm.json."""
    NEEDS: ClassVar[tuple[str, ...]]
    """Further files that training or fitting reads: of ``layers``, ``sae``, ``features``."""
    GRADED: ClassVar[bool]
    """Whether a strength between 0 and 1 acts in between; else any but 0 acts in full."""
    OWN_HEAD: ClassVar[bool] = False
    """Optional: True where it puts other values into norms or unembedding, so that lenses need the
    arm's own head. (Edits of the logits say so on what they attach, by `Attached.AFTER_HEAD`.)"""
    WHOLE: ClassVar[bool] = False
    """Optional: True where it puts values in the place of weights, so that a model in four bits
    (`model.load.weights: nf4`) cannot have it."""

    def attach(self, model: Any, *, seed: int, place: int) -> Attached:
        """A fresh edit, trainable; place: its number in the arm, from 1."""

    def fit(self, model: Any, tokenizer: Any, data: Any, *, seed: int, place: int) -> Attached:
        """The edit computed from a `FitData` and the live model, not trainable."""

    @staticmethod
    def load(model: Any, folder: Path, *, place: int) -> Attached:
        """The edit saved in a folder, not trainable; unknown or absent weights are an error."""
