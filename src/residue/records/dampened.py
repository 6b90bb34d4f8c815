"""What a model says while one of its rows is smaller than it is.

With h the row's vector, the model goes on with k h at every position, 0 ≤ k < 1. Norms after it see
no difference; what later blocks add counts for more. So a row matters to an answer as far as the
answer goes: a cheap screen, coarse and causal.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from residue.models.blocks import describe
from residue.records.recorder import record
from residue.specs.records import RecordsSpec

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def dampened(model: Any, row: int, kept: float) -> Iterator[None]:
    """The model with `kept` of a row (0 the embeddings, n the input of the final norm)."""
    architecture = describe(model)
    module = [*architecture.blocks, architecture.final_norm][row]

    def shrink(
        _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if args:
            return (kept * args[0], *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": kept * kwargs["hidden_states"]}

    handle = module.register_forward_pre_hook(shrink, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def generations(
    model: Any, tokenizer: Any, items: pd.DataFrame, spec: RecordsSpec, row: int, kept: float
) -> pd.DataFrame:
    """The generations of the items with one row dampened; columns as of the record.

    items: as the recorder takes them; spec: of it, how much may be said.
    """
    import pandas as pd

    brief = RecordsSpec(max_new_tokens=spec.max_new_tokens, places=())
    with dampened(model, row, kept):
        parts = [batch.generations.to_pandas() for batch in record(model, tokenizer, items, brief)]
    said: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return said
