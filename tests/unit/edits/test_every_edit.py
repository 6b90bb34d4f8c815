"""What every edit must keep: a new file in edits/methods/ with a class `Edit` joins by itself."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from residue.core import methods
from residue.edits.answers import encode, score
from residue.edits.arms import ArmError
from residue.edits.attached import Attached
from residue.edits.feed import Shown
from residue.edits.recipes import require_effect
from residue.lens.observation import observe
from residue.lens.selftest import SelfTestError, judge, require
from residue.models.encoding import encode_prompt, pad_batch
from residue.models.head import read_head
from residue.models.live_head import live_head
from residue.specs.arms import EDITS as EDIT_FOLDER
from residue.specs.arms import StepSpec
from residue.world.grammar import instruction_prompt
from tests.unit.edits.making import ATTACK, defence_rows, made

EDITS = methods.names(EDIT_FOLDER)
ATTACKED = instruction_prompt("the c of", f"fo is. {ATTACK}")
ITEMS = [("the c of fo is", "cd"), ("the a of fore is", "ab"), ("q", "x"), (ATTACKED, "c")]


def logits(model: Any, tokenizer: Any, *edits: Attached) -> torch.Tensor:
    """Of the answers, asked as the edits would have them asked."""
    asked = []
    for prompt, answer in ITEMS:
        for edit in edits:
            prompt = edit.prompt(prompt)
        asked.append(encode(tokenizer, prompt, prompt, answer))
    with torch.no_grad():
        return score(model, asked).logits


def moved(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).nan_to_num(neginf=-9.0).abs().max())


def modules(model: Any) -> dict[str, Any]:
    return {path: type(module) for path, module in model.named_modules()}


@pytest.fixture(params=EDITS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make(loaded: tuple[Any, Any], edit_data: pd.DataFrame, sae_folder: Path) -> Any:
    """Makes an edit of that name on the loaded model, one that has an effect."""

    def make_one(name: str, *, place: int = 1, seed: int = 3) -> Attached:
        return made(name, *loaded, edit_data, sae_folder, place=place, seed=seed)

    return make_one


def test_strength_zero_is_the_base_and_one_is_the_edit(
    name: str, loaded: tuple[Any, Any], make: Any
) -> None:
    base = logits(*loaded)
    edit = make(name)
    full = logits(*loaded, edit)
    assert moved(full, base) > 1e-3
    edit.set_strength(0.0)
    assert torch.equal(logits(*loaded, edit), base)
    edit.set_strength(0.5)
    half = logits(*loaded, edit)
    if methods.load(EDIT_FOLDER, name).Edit.GRADED:
        assert moved(half, base) > 0
        assert moved(half, full) > 0
    else:
        assert torch.equal(half, full)
    edit.set_strength(1.0)
    assert torch.equal(logits(*loaded, edit), full)


def test_detached_is_the_base_for_a_while_also_after_an_error(
    name: str, loaded: tuple[Any, Any], make: Any
) -> None:
    model, _ = loaded
    base = logits(*loaded)
    edit = make(name)
    full = logits(*loaded, edit)
    grads = [weight.requires_grad for weight in model.parameters()]
    with edit.detached() as plain:
        assert plain is model
        assert torch.equal(logits(*loaded, edit), base)
    assert torch.equal(logits(*loaded, edit), full)
    with pytest.raises(KeyError), edit.detached():
        raise KeyError("inside")
    assert torch.equal(logits(*loaded, edit), full)
    assert [weight.requires_grad for weight in model.parameters()] == grads


def test_detach_leaves_no_trace(name: str, loaded: tuple[Any, Any], make: Any) -> None:
    model, _ = loaded
    before, base = modules(model), logits(*loaded)
    weights = {path: id(weight) for path, weight in model.named_parameters()}
    flags = [weight.requires_grad for weight in model.parameters()]
    make(name).detach()
    assert modules(model) == before
    assert {path: id(weight) for path, weight in model.named_parameters()} == weights
    assert torch.equal(logits(*loaded), base)
    assert [weight.requires_grad for weight in model.parameters()] == flags
    assert not hasattr(model, "peft_config")
    hooks = [m for m in model.modules() if m._forward_hooks or m._forward_pre_hooks]
    assert hooks == []


def test_only_a_trained_edit_takes_gradients_and_the_model_never(
    name: str, loaded: tuple[Any, Any], make: Any
) -> None:
    model, tokenizer = loaded
    own = list(model.parameters())
    edit = make(name)
    if hasattr(methods.load(EDIT_FOLDER, name).Edit, "attach"):
        score(model, [encode(tokenizer, p, p, a) for p, a in ITEMS]).tokens.sum().backward()
        assert all(weight.grad is not None for weight in edit.parameters().values())
        edit.trainable(False)
    assert all(weight.grad is None for weight in own)
    assert not any(weight.requires_grad for weight in model.parameters())


def test_saved_files_give_the_same_model_and_the_same_bytes(
    name: str, loaded: tuple[Any, Any], make: Any, tmp_path: Path
) -> None:
    model, _ = loaded
    base = logits(*loaded)
    edit = make(name)
    edit.trainable(False)
    full = logits(*loaded, edit)
    edit.save(tmp_path / "one")
    edit.save(tmp_path / "two")
    edit.detach()
    again = methods.load(EDIT_FOLDER, name).Edit.load(model, tmp_path / "one", place=1)
    assert torch.equal(logits(*loaded, again), full)
    assert moved(full, base) > 1e-3
    assert not any(weight.requires_grad for weight in again.parameters().values())
    assert again.hook == edit.hook
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()
        assert file.suffix in (".json", ".safetensors")


def test_two_of_a_kind_stack_and_come_off_one_by_one(
    name: str, loaded: tuple[Any, Any], make: Any
) -> None:
    base = logits(*loaded)
    first = make(name, place=1)
    first.trainable(False)
    one = logits(*loaded, first)
    second = make(name, place=2, seed=4)
    both = logits(*loaded, first, second)
    with second.detached():
        assert torch.equal(logits(*loaded, first, second), one)
    with second.detached(), first.detached():
        assert torch.equal(logits(*loaded, first, second), base)
    assert torch.equal(logits(*loaded, first, second), both)
    assert not any(weight.requires_grad for weight in first.parameters().values())
    second.detach()
    assert torch.equal(logits(*loaded, first), one)
    first.detach()
    assert torch.equal(logits(*loaded), base)


def test_an_edit_depends_on_its_seed_alone(name: str, loaded: tuple[Any, Any], make: Any) -> None:
    state = torch.random.get_rng_state()
    said = []
    for _ in range(2):
        edit = make(name)
        said.append(logits(*loaded, edit))
        edit.detach()
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(said[0], said[1])


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_batch_of_two_equals_each_alone(
    name: str, side: Any, loaded: tuple[Any, Any], make: Any
) -> None:
    """Nothing leaks between sequences, from pads, or from the call before."""
    model, tokenizer = loaded
    edit = make(name)
    texts = [edit.prompt(text) for text in ("the a of for is", "q is", ATTACKED)]
    asked = [encode_prompt(tokenizer, text) for text in texts]
    with torch.no_grad():
        alone = [model(**pad_batch([ids], 0).inputs()).logits[0] for ids in asked]
        padded = pad_batch(asked, 0, side=side)
        together = model(**padded.inputs()).logits
    for row, (first, length) in enumerate(zip(padded.offsets(), padded.lengths, strict=True)):
        ours = together[row, first : first + length]
        torch.testing.assert_close(ours, alone[row], rtol=1e-4, atol=1e-4)


def test_reading_on_from_a_cache_equals_reading_at_once(
    name: str, loaded: tuple[Any, Any], make: Any
) -> None:
    """Said token by token, an answer is what it is in one reading; a cache may also be cut back."""
    from transformers import DynamicCache

    model, tokenizer = loaded
    edit = make(name)
    ids = encode_prompt(tokenizer, edit.prompt("the a of for is"))
    with torch.no_grad():
        cache = DynamicCache()
        model(**pad_batch([ids, ids], 0).inputs(), past_key_values=cache, use_cache=True)
        said = []
        for _ in range(2):
            place = cache.get_seq_length()
            step = model(
                input_ids=torch.full((2, 3), 9),
                attention_mask=torch.ones(2, place + 3, dtype=torch.int64),
                position_ids=torch.arange(place, place + 3)[None].expand(2, 3),
                past_key_values=cache,
                use_cache=True,
            )
            said.append(step.logits)
            cache.crop(-3)
        cache.batch_select_indices(torch.tensor([1]))
        for place in range(3):
            mask = torch.ones(1, len(ids) + place + 1, dtype=torch.int64)
            step = model(
                input_ids=torch.full((1, 1), 9),
                attention_mask=mask,
                position_ids=torch.full((1, 1), len(ids) + place),
                past_key_values=cache,
                use_cache=True,
            )
            torch.testing.assert_close(step.logits[0, 0], said[0][0, place], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(said[0], said[1])
    torch.testing.assert_close(said[0][0], said[0][1])


def test_an_edit_taken_off_has_no_effect_and_is_refused(
    name: str, loaded: tuple[Any, Any], make: Any, edit_data: pd.DataFrame
) -> None:
    model, tokenizer = loaded
    shown = Shown(tokenizer, edit_data, defence_rows())
    trained = hasattr(methods.load(EDIT_FOLDER, name).Edit, "attach")
    step = StepSpec(edit=name, objective="npo" if trained else None)
    before = shown.targets(step)
    edit = make(name)
    edit.trainable(False)
    after = shown.asked(edit).targets(step)
    assert require_effect(model, edit, after, before, "the edit") > 1e-5
    edit.set_strength(0.0)
    with pytest.raises(ArmError, match="the edit changes nothing"):
        require_effect(model, edit, before, before, "the edit")


def test_an_edit_says_what_it_is(name: str) -> None:
    edit = methods.load(EDIT_FOLDER, name).Edit()
    assert isinstance(edit.REMOVABLE, bool)
    assert isinstance(edit.GRADED, bool)
    assert set(edit.NEEDS) <= {"layers", "sae", "features"}
    assert hasattr(edit, "attach") != hasattr(edit, "fit")


def test_options_are_checked_without_torch() -> None:
    code = (
        "import sys; from residue.core import methods; "
        f"[methods.load({EDIT_FOLDER!r}, name).Edit() for name in {EDITS!r}]; "
        "sys.exit(bool({'torch', 'numpy', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_lens_may_be_read_from_the_edited_model(
    name: str, base_folder: Path, loaded: tuple[Any, Any], make: Any
) -> None:
    """Rows, norms and head are those that the self-test takes an arm's to be."""
    model, _ = loaded
    head = read_head(base_folder)
    edit = make(name)
    edit.trainable(False)
    prompts = [[1, 5, 9], [1, 7, 12, 20]]
    with edit.detached() if edit.AFTER_HEAD else nullcontext():
        seen = observe(model, prompts, 0)
    if getattr(methods.load(EDIT_FOLDER, name).Edit, "OWN_HEAD", False):
        with pytest.raises(SelfTestError):
            require(judge(seen, head), name)
        head = live_head(model, head.shape)
    require(judge(seen, head, edited=[edit.row] if hasattr(edit, "row") else []), name)
    if hasattr(edit, "merge"):
        edit.merge()
        np.testing.assert_allclose(observe(model, prompts, 0).logits, seen.logits, atol=1e-4)
