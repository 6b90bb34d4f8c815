"""Files of what models said, where the models themselves are not there. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from residue.specs.fields import SpecError


@dataclass(frozen=True)
class OutputColumns:
    """Keys of the lines of a JSONL file of outputs; those of other forms are fixed."""

    output: str = "output"
    """What the model said."""
    item: str = "item"
    """Name of the item; the same one in every model's file, and in `set` unique. Where a line has
    none, its prompt tells which item it is."""
    prompt: str = "prompt"
    """What the model was asked."""
    answer: str = "answer"
    """The accepted answer, or a list of them."""
    cluster: str = "cluster"
    """What the item is about: items of one cluster are resampled together. A line without one
    counts as independent."""
    set: str = "set"
    """Which set a line's item is of; without it the file's `set` holds."""
    language: str = "language"
    """Language code of the item."""
    kind: str = "kind"
    """What sort of item it is; an estimand splits by it with `by: [task]`."""


@dataclass(frozen=True)
class Outputs:
    """One file of what a model said."""

    file: str
    """The file; ``{seed}`` in it stands for the seed of the arm."""
    form: Literal["auto", "jsonl", "inspect", "lm_eval", "open_unlearning"] = "auto"
    """Who wrote it: one JSON object per line (`jsonl`), an inspect_ai log (.json, .eval),
    lm-evaluation-harness samples (`lm_eval`), or an EVAL.json of open-unlearning; `auto` tells by
    its name and content."""
    set: Literal["", "forget", "retain", "dev_forget", "dev_retain", "never_seen"] = ""
    """The set that its items are of, where no line and no name of a metric says it and the run has
    no deck of its own."""
    columns: OutputColumns = OutputColumns()
    """Keys of its lines; of an inspect log those of a sample's metadata, of lm_eval those of the
    document."""
    rows_per_cluster: int = 0
    """Items in a row that belong together, where nothing names the cluster (TOFU: 20 per author);
    0 takes every item for itself. Read of an EVAL.json."""

    def __post_init__(self) -> None:
        if not self.file:
            raise SpecError("file", "is empty; name a file of outputs.")
        if self.rows_per_cluster < 0:
            raise SpecError("rows_per_cluster", "must not be negative; 0 takes each item alone.")

    def path(self, seed: int) -> str:
        """The file of a seed."""
        return self.file.replace("{seed}", str(seed))
