"""Config section `model`: where the base and its oracle come from. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from residue.specs.fields import SpecError
from residue.specs.outputs import Outputs


@dataclass(frozen=True)
class ModelSpec:
    """The models that arms edit and are compared with."""

    source: Literal["embedded", "local", "records"] = "embedded"
    """`embedded` pretrains base and oracle on the world's text; `local` takes a folder that
    transformers loads, which then has no oracle unless `oracle_folder` gives one. With `records`
    there is no model at all: files hold what base, oracle and arms said, and nothing is run."""

    folder: str | None = None
    """Folder of the base (`local` only): config.json, safetensors weights and a tokenizer."""

    oracle_folder: str | None = None
    """Folder of a model that never saw what is to be forgotten (`local` only)."""

    base: tuple[Outputs, ...] = ()
    """Files of what the base said (`records` only)."""

    oracle: tuple[Outputs, ...] = ()
    """Files of what a model said that never saw what is to be forgotten (`records` only)."""

    def __post_init__(self) -> None:
        for name in ("base", "oracle"):
            if getattr(self, name) and self.source != "records":
                raise SpecError(name, "is read only when `source` is records; set it or omit this.")
        if self.source == "local" and not self.folder:
            raise SpecError("folder", "is needed when `source` is local; give the model's folder.")
        if self.source != "local":
            for name in ("folder", "oracle_folder"):
                if getattr(self, name):
                    raise SpecError(
                        name, "is read only when `source` is local; set source: local or omit it."
                    )
