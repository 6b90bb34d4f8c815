"""The training form of the model is the saved Llama, in values and in gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from residue.models.tiny import TinyLlama, to_transformers
from residue.specs.pretrain import ModelShape

SPECIAL = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None}


@pytest.fixture(params=[(16, 2, 16), (24, 3, 40)], ids=["square", "wide-ffn"])
def pair(request: pytest.FixtureRequest) -> tuple[TinyLlama, object]:
    width, heads, ffn = request.param
    generator = torch.Generator().manual_seed(0)
    shape = ModelShape(width=width, blocks=2, heads=heads, ffn=ffn)
    model = TinyLlama(shape, 64, generator)
    with torch.no_grad():
        for leaf in model.named().values():
            leaf.add_(torch.randn(leaf.shape, generator=generator) * 0.2)
    return model, to_transformers(model, SPECIAL, 32)


def _ids(seed: int = 1) -> torch.Tensor:
    return torch.randint(0, 64, (3, 7), generator=torch.Generator().manual_seed(seed))


def test_logits_are_those_of_the_saved_llama(pair: tuple[TinyLlama, object]) -> None:
    model, twin = pair
    ids = _ids()
    with torch.no_grad():
        mine = model.logits(model.rows(ids))
        torch.testing.assert_close(mine, twin(ids).logits, atol=2e-5, rtol=1e-4)


def test_gradients_are_those_of_the_saved_llama(pair: tuple[TinyLlama, object]) -> None:
    model, twin = pair
    ids = _ids()
    targets = _ids(2).view(-1)
    loss = F.cross_entropy(model.logits(model.rows(ids)).view(-1, 64), targets)
    names = list(model.named())
    mine = dict(zip(names, torch.autograd.grad(loss, list(model.named().values())), strict=True))
    F.cross_entropy(twin(ids).logits.view(-1, 64), targets).backward()
    theirs = {name: parameter.grad for name, parameter in twin.named_parameters()}
    layer = "model.layers.1."
    width, ffn = model.shape.width, model.shape.ffn
    attention = mine["attention"].view(2, 4, width, width)[1]
    gates = mine["gates"].view(2, 2, ffn, width)[1]
    expected = {
        "lm_head.weight": mine["unembedding"],
        "model.embed_tokens.weight": mine["embedding"],
        "model.norm.weight": mine["gains"][-1],
        layer + "input_layernorm.weight": mine["gains"][2],
        layer + "post_attention_layernorm.weight": mine["gains"][3],
        layer + "self_attn.v_proj.weight": attention[2],
        layer + "self_attn.o_proj.weight": attention[3],
        layer + "mlp.gate_proj.weight": gates[0],
        layer + "mlp.up_proj.weight": gates[1],
        layer + "mlp.down_proj.weight": mine["downs"][1],
    }
    for name, gradient in expected.items():
        torch.testing.assert_close(gradient, theirs[name], atol=1e-5, rtol=1e-3, msg=name)
    # Channels of queries and keys are permuted; a permutation keeps the sorted entries.
    for index, name in enumerate(("q_proj", "k_proj")):
        torch.testing.assert_close(
            attention[index].reshape(-1).sort().values,
            theirs[layer + f"self_attn.{name}.weight"].reshape(-1).sort().values,
            atol=1e-5,
            rtol=1e-3,
        )


def test_right_padding_changes_no_row(pair: tuple[TinyLlama, object]) -> None:
    model, _ = pair
    ids = _ids()
    padded = torch.cat([ids, torch.zeros(3, 4, dtype=torch.int64)], dim=1)
    with torch.no_grad():
        torch.testing.assert_close(model.rows(padded)[:, :7], model.rows(ids))
