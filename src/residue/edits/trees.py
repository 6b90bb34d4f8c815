"""Texts that begin alike in one sequence: what they share is passed once.

The views of an item are one prompt with several answers, or twin prompts that differ from some
token on. Their tokens make a tree; it is laid out as one sequence, parents before children, each
token at its own depth as position, and under a mask by which it sees its ancestors and itself
alone. So every token's rows are those of its text passed by itself, up to rounding, and so are the
gradients, the shared tokens' being the sums over their texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

KINDS = ("llama", "qwen2", "gemma2", "gpt2", "gpt_neox")
"""Architectures whose blocks read positions and a mask over pairs of places as they are given; of
each a test compares rows and gradients with texts passed alone."""
ATTENTION = ("eager", "sdpa")
"""Ways of computing attention that take such a mask."""
LEAST_SAVED = 0.25
"""Share of the tokens that must be saved: a tree's attention runs over pairs of its places, most of
which its mask throws away."""


@dataclass(frozen=True)
class Tree:
    """Token ids and depths, (places,) each, and each text's way through the places."""

    ids: tuple[int, ...]
    positions: tuple[int, ...]
    paths: tuple[tuple[int, ...], ...]


def grow(texts: Sequence[Sequence[int]]) -> Tree:
    """The tree of some texts' ids; the places of a text, and so of a parent and child, rise."""
    ids: list[int] = []
    positions: list[int] = []
    children: dict[tuple[int, int], int] = {}
    paths = []
    for text in texts:
        path: list[int] = []
        for depth, token in enumerate(text):
            edge = (path[-1] if path else -1, token)
            if edge not in children:
                children[edge] = len(ids)
                ids.append(token)
                positions.append(depth)
            path.append(children[edge])
        paths.append(tuple(path))
    return Tree(tuple(ids), tuple(positions), tuple(paths))


def saves(tree: Tree) -> bool:
    """Whether the tree is enough shorter than its texts one after another."""
    whole = sum(map(len, tree.paths))
    return whole - len(tree.ids) >= LEAST_SAVED * whole


def obstacle(model: Any, longest: int) -> str:
    """Why texts of up to `longest` tokens must be passed one by one, in words; empty: no reason."""
    config = model.config
    if config.model_type not in KINDS:
        return f"the architecture {config.model_type} was not tried with several texts in one"
    if config._attn_implementation not in ATTENTION:
        return f"attention is computed by {config._attn_implementation}, which takes no such mask"
    window = getattr(config, "sliding_window", None)
    if window is not None and longest > window:
        return f"a text has {longest} tokens and the model sees {window} back"
    if any(getattr(module, "reads_sequences", False) for module in model.modules()):
        return "an edit reads whole sequences"
    return ""


def inputs(trees: Sequence[Tree], model: Any) -> dict[str, Tensor]:
    """Keyword arguments of a `transformers` causal model for trees padded on the right."""
    import torch

    weight = next(model.parameters())
    width = max(len(tree.ids) for tree in trees)
    most = max(len(tree.paths) for tree in trees)
    ids = torch.zeros(len(trees), width, dtype=torch.int64)
    positions = torch.zeros_like(ids)
    on = torch.zeros(len(trees), most, width)
    for number, tree in enumerate(trees):
        ids[number, : len(tree.ids)] = torch.tensor(tree.ids)
        positions[number, : len(tree.ids)] = torch.tensor(tree.positions)
        for text, path in enumerate(tree.paths):
            on[number, text, list(path)] = 1
    # Two places on one text's way: the earlier is an ancestor of the later. Pads see themselves.
    seen = (on.transpose(1, 2) @ on > 0).tril() | torch.eye(width, dtype=torch.bool)
    mask = torch.zeros(seen.shape, dtype=weight.dtype)
    mask.masked_fill_(~seen, torch.finfo(weight.dtype).min)
    made = {"input_ids": ids, "attention_mask": mask[:, None], "position_ids": positions}
    return {name: tensor.to(weight.device) for name, tensor in made.items()}
