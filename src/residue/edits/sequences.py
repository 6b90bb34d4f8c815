"""Interventions that look back: what they know of a sequence travels in its key-value cache.

A call of the model may hold whole prompts, or single tokens that go on from a cache. What an
intervention remembers of each token is kept as one more layer of that cache: it is cut, selected
and dropped with the keys and values of the same sequence, so nothing stays behind in the module,
and sequences of one batch never meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from residue.edits.intervention import Intervention
from residue.models.blocks import describe

if TYPE_CHECKING:
    from torch import Tensor


class SequenceIntervention(Intervention):
    """An intervention that may ask, in `edited`, for the ids and the past of its sequences."""

    def __init__(
        self,
        model: Any,
        *,
        place: int,
        row: int,
        tensors: Mapping[str, Tensor],
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(model, place=place, row=row, tensors=tensors, settings=settings)
        self._call: Mapping[str, Any] = {}
        self._past = 0
        self._n_blocks = describe(model).n_blocks
        # What `edits.trees` looks for: several texts in one sequence would not be told apart here.
        self.held.reads_sequences = True
        self._handles += [
            model.register_forward_pre_hook(self._begin, with_kwargs=True),
            model.register_forward_hook(self._end, always_call=True),
        ]

    @property
    def called(self) -> bool:
        """Whether the model itself is at work; a plan of memory runs its blocks alone."""
        return bool(self._call)

    @property
    def ids(self) -> Tensor:
        """Token ids of the present call, (batch, position)."""
        ids: Tensor = self._call["input_ids"]
        return ids

    def real(self) -> Tensor:
        """Which positions of the present call are no padding, (batch, position) bool."""
        mask, ids = self._call.get("attention_mask"), self.ids
        if mask is None:
            return ids.new_ones(ids.shape).bool()
        if mask.dim() != 2:
            raise ValueError(f"{self.hook}: an attention mask must be (batch, position) here")
        real: Tensor = mask[:, -ids.shape[1] :].bool()
        return real

    @property
    def past(self) -> Tensor | None:
        """What was remembered of the tokens of earlier calls, (batch, tokens, channels); None where
        the sequences begin with this call."""
        if not self._past:
            return None
        layer = self._layer(self._call["past_key_values"])
        if layer.get_seq_length() != self._past:
            raise ValueError(
                f"{self.hook}: the cache holds {self._past} tokens that this edit did not see; "
                "read the text anew with the edit attached"
            )
        remembered: Tensor = layer.keys[:, 0]
        return remembered

    def remember(self, signal: Tensor) -> None:
        """Keep the signal of the present tokens, (batch, position, channels), in their cache."""
        cache = self._call.get("past_key_values")
        if cache is not None:
            kept = signal.detach()[:, None]
            self._layer(cache).update(kept, kept[..., :1])

    def _layer(self, cache: Any) -> Any:
        from transformers.cache_utils import DynamicLayer

        # The model's own layers keep the first places, also where the cache adds them on demand.
        while len(cache.layers) < self._n_blocks:
            cache.layers.append(DynamicLayer())
        for layer in cache.layers[self._n_blocks :]:
            if layer.residue_owner is self:
                return layer
        layer = DynamicLayer()
        layer.residue_owner = self
        cache.layers.append(layer)
        return layer

    def _begin(self, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._call = kwargs if not args else {"input_ids": args[0], **kwargs}
        cache = kwargs.get("past_key_values")
        self._past = cache.get_seq_length() if cache is not None else 0

    def _end(self, *_: Any) -> None:
        self._call = {}


def after_start(real: Tensor) -> Tensor:
    """Real tokens but the first of each sequence, which starts the text; (batch, position) bool."""
    return real & (real.cumsum(dim=1) > 1)
