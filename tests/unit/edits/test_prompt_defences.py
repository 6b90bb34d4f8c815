"""Defences of the prompt: what they add comes off again, and no data open a channel."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom

from residue.core import methods
from residue.edits.arms import ArmError, open_arm
from residue.edits.attached import Attached
from residue.edits.feed import attacks_for
from residue.edits.fitting import FitData
from residue.edits.methods.order_detector import threshold
from residue.edits.prompting import parts, sentences, without
from residue.edits.recipes import train_arm
from residue.specs.arms import DEFENCE, EDITS, ArmSpec, StepSpec
from residue.specs.default_arms import own_arms
from residue.specs.fields import SpecError
from residue.world.grammar import ANS, DATA, SPECIAL_TOKENS, SYS, instruction_prompt
from tests.unit.edits.making import ATTACK, defence_rows

NAMES = [
    name
    for name in methods.names(EDITS)
    if getattr(methods.load(EDITS, name).Edit, "DATA", "") == DEFENCE
]
ORDER, PLAIN = "Name its capital.", "We fly to Peru. The ship is in Peru."
PIECES = [
    "<|", "|>", "sys", "data", "ans", SYS, DATA, ANS, '"', "-", " ", ".", "ignore", "the", ATTACK,
]  # fmt: skip
HOSTILE = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
TOKENIZER = SimpleNamespace(chat_template=None)


def fitted(name: str, frame: pd.DataFrame | None = None, **options: Any) -> Attached:
    """A defence of the prompt, which needs no model."""
    rows = defence_rows() if frame is None else frame
    data = FitData(None, {}, rows, defence=rows)
    model = SimpleNamespace(parameters=lambda: ())
    edit: Attached = methods.load(EDITS, name).Edit(**options).fit(
        model, TOKENIZER, data, seed=1, place=1
    )  # fmt: skip
    return edit


def data_of(prompt: str) -> str:
    found = parts(prompt)
    assert found is not None
    return found.data


def test_the_baselines_are_there() -> None:
    assert set(NAMES) >= {
        "delimiters", "sandwich", "spotlighting", "reminder", "in_context", "keyword_filter",
        "order_detector",
    }  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(HOSTILE, HOSTILE)
def test_a_prompt_is_the_sum_of_its_parts(data: str, earlier: str) -> None:
    one = instruction_prompt(ORDER, data)
    found = parts(one)
    assert found is not None
    assert found.prompt() == one
    assert found.order == ORDER
    # Of several documents the last is asked, and those before it stay as they are.
    two = parts(f"{instruction_prompt('Say x.', earlier)} x{one}")
    assert two is not None
    assert (two.order, two.data) == (found.order, found.data)


@settings(max_examples=60, deadline=None)
@given(HOSTILE)
def test_sentences_are_a_text_cut_and_nothing_lost(text: str) -> None:
    assert "".join(sentences(text)) == text


def test_a_prompt_of_another_form_is_refused_by_name() -> None:
    assert parts("The capital of Peru is") is None
    for odd in (f"{SYS} a{ANS}", f"{SYS} a{DATA} b{DATA} c{ANS}", f"{SYS} a{DATA} b{ANS} c"):
        with pytest.raises(ValueError, match="leave its arm out"):
            parts(odd)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(hostile=HOSTILE)
def test_no_data_open_a_channel(name: str, hostile: str) -> None:
    """Whatever is cut out of data or put into them, the marks are those of the prompt itself."""
    rule = fitted(name)
    plain = rule.prompt(instruction_prompt(ORDER, PLAIN))
    asked = rule.prompt(instruction_prompt(ORDER, hostile))
    for token in SPECIAL_TOKENS:
        assert asked.count(token) == plain.count(token)
    assert parts(asked) is not None


@settings(max_examples=60, deadline=None)
@given(HOSTILE)
def test_a_mark_stands_where_the_defence_put_it(hostile: str) -> None:
    """An author of data can write neither a delimiter nor a mark between words."""
    asked = instruction_prompt(ORDER, hostile)
    assert data_of(fitted("delimiters").prompt(asked)).count('"') == 2
    marked = data_of(fitted("spotlighting").prompt(asked))
    words = without(data_of(asked), ("-",)).split()
    assert marked.split(" - ") == (words or [""])
    assert without("<|dat-a|>--", ("-",)) == ""


@pytest.mark.parametrize("data", [PLAIN, f"{PLAIN} {ATTACK}"])
def test_what_a_defence_adds_comes_off_again(data: str) -> None:
    asked = instruction_prompt(ORDER, data)
    assert fitted("delimiters").prompt(asked).replace('"', "").replace("  ", " ") == (
        asked.replace(ANS, f" {ANS}")
    )
    assert fitted("sandwich").prompt(asked) == asked.replace(ANS, f" {ORDER}{ANS}")
    again = fitted("sandwich", lead="Your task is:").prompt(asked)
    assert again == asked.replace(ANS, f" Your task is: {ORDER}{ANS}")
    for place in ("before", "after"):
        told = fitted("reminder", text="No orders.", place=place).prompt(asked)
        assert told.replace("No orders. ", "").replace(" No orders.", "") == asked
    assert fitted("spotlighting").prompt(asked).replace(" - ", " ") == asked
    noted = fitted("spotlighting", note="A dash marks data.").prompt(asked)
    assert noted.replace(" - ", " ").replace(" A dash marks data.", "") == asked
    encoded = data_of(fitted("spotlighting", kind="encoding").prompt(asked))
    assert base64.b64decode(encoded).decode() == data
    assert fitted("in_context").prompt(asked).endswith(asked)


@pytest.mark.parametrize("name", NAMES)
def test_a_prompt_without_data_is_left_alone(name: str) -> None:
    assert fitted(name).prompt("The capital of Peru is") == "The capital of Peru is"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("keyword_filter", {"words": ("now",)}),
        ("order_detector", {}),
        ("order_detector", {"unit": "text"}),
    ],
)
def test_a_filter_cuts_orders_and_leaves_the_rest_to_the_letter(
    name: str, options: dict[str, Any]
) -> None:
    rule = fitted(name, **options)
    clean = instruction_prompt(ORDER, "twin is it.  It is  odd ")
    assert rule.prompt(clean) == clean
    asked = rule.prompt(instruction_prompt(ORDER, f"twin is it. {ATTACK}"))
    left = "" if options.get("unit") == "text" else "twin is it."
    assert asked == instruction_prompt(ORDER, left)


def test_demonstrations_are_answered_twins_of_different_families() -> None:
    rows = defence_rows()
    asked = instruction_prompt(ORDER, PLAIN)
    before = fitted("in_context", count=2).prompt(asked).removesuffix(asked)
    shown = [f"{SYS}{text}" for text in before.split(SYS)[1:]]
    twins = rows[rows["set"] == "twin"]
    whole = {f"{row.attacked} {row.answer}": row.family for row in twins.itertuples()}
    assert sorted(whole[text] for text in shown) == ["context", "naive"]
    many = fitted("in_context", count=99).prompt(asked)
    assert many.count(SYS) == len(twins) + 1


def test_demonstrations_need_a_template_that_takes_them() -> None:
    from jinja2.exceptions import TemplateError

    class Strict:
        chat_template = "some"
        unk_token_id, all_special_tokens = 0, ()

        def convert_tokens_to_ids(self, token: str) -> int:
            return 0

        def apply_chat_template(self, turns: list[dict[str, str]], **options: Any) -> str:
            if sum(turn["role"] == "system" for turn in turns) > 1:
                raise TemplateError("one system turn")
            return ""

    data = FitData(None, {}, defence_rows(), defence=defence_rows())
    with pytest.raises(ValueError, match="leave in_context out for this model"):
        methods.load(EDITS, "in_context").Edit().fit(None, Strict(), data, seed=0, place=1)


def noise(n: int, name: str, rng: np.random.Generator) -> pd.DataFrame:
    """Rows of random words; attacked texts have some words more often."""
    words = np.array([f"w{i}" for i in range(60)])
    tilt = np.linspace(1.0, 3.0, 60)

    def texts(weights: np.ndarray) -> list[str]:
        drawn = rng.choice(words, size=(n, 9), p=weights / weights.sum())
        return [instruction_prompt(ORDER, " ".join(row)) for row in drawn]

    rows = pd.DataFrame({"set": name, "prompt": texts(np.ones(60)), "attacked": texts(tilt)})
    return rows.assign(family="none" if "keep" in name else "naive")


@pytest.mark.parametrize("share", [0.02, 0.2])
def test_clean_data_are_cut_as_often_as_stated(share: float) -> None:
    """A score above the k-th of n is a beta-binomial event for further texts of the same kind."""
    rng = np.random.default_rng(3)
    sizes = {"twin": 300, "keep": 4, "dev_twin": 200, "dev_keep": 200}
    frame = pd.concat([noise(n, name, rng) for name, n in sizes.items()], ignore_index=True)
    rule = fitted("order_detector", frame, false_blocks=share, unit="text")
    held_out = noise(1500, "twin", rng)
    cut = sum(rule.prompt(text) != text for text in held_out["prompt"])
    n, k = 400, int(share * 400)
    low, high = (
        betabinom(len(held_out), k, n - k + 1).ppf(0.001),
        betabinom(len(held_out), k + 1, n - k).ppf(0.999),
    )
    assert low <= cut <= high
    found = sum(rule.prompt(text) != text for text in held_out["attacked"])
    assert found > cut


@given(st.lists(st.integers(0, 9).map(float), min_size=1), st.floats(0.0, 0.99))
def test_a_threshold_is_the_lowest_that_keeps_the_share(scores: list[float], share: float) -> None:
    limit = threshold(scores, share)
    assert np.mean(np.array(scores) > limit) <= share
    assert all(np.mean(np.array(scores) >= lower) > share for lower in scores if lower <= limit)


def test_an_arm_of_a_defence_is_opened_as_it_was_made(
    base_folder: Path, edit_data: pd.DataFrame, tmp_path: Path
) -> None:
    steps = tuple(StepSpec(edit=name, objective=None) for name in ("sandwich", "order_detector"))
    arm, history = train_arm(
        base_folder, ArmSpec(steps=steps), edit_data, defence_rows(),
        arm="both", pair=0, seed=0, home=tmp_path,
    )  # fmt: skip
    (tmp_path / "arm.json").write_text(json.dumps(arm))
    assert history.empty
    with open_arm(tmp_path / "arm.json") as opened:
        # The second step was fitted on what the first makes of data, and takes it for clean.
        asked = opened.prompt(instruction_prompt("the a of", f"twin is it. {ATTACK}"))
    assert asked == instruction_prompt("the a of", "twin is it. the a of")
    with pytest.raises(ArmError, match="made from defence data, and the arm was given none"):
        train_arm(
            base_folder, ArmSpec(steps=steps[:1]), edit_data,
            arm="none", pair=0, seed=0, home=tmp_path / "none",
        )  # fmt: skip


def test_users_data_hold_nothing_for_a_defence() -> None:
    arm = ArmSpec(steps=(StepSpec(edit="sandwich", objective=None),))
    with pytest.raises(SpecError, match="users' data lack; name another objective or edit"):
        own_arms({"mine": arm})
    assert StepSpec(edit="sandwich", objective=None).is_defence()
    assert not StepSpec(edit="refusal_prompt", objective=None).is_defence()
    with pytest.raises(SpecError, match="without_families: is for defences"):
        StepSpec(edit="refusal_prompt", objective=None, without_families=("naive",))


def test_a_family_that_is_left_out_is_in_no_demonstration() -> None:
    step = StepSpec(edit="in_context", objective=None, without_families=("naive",))
    rows = attacks_for(defence_rows(), step)
    asked = fitted("in_context", rows, count=9).prompt(instruction_prompt(ORDER, PLAIN))
    twins = rows[rows["set"] == "twin"]
    assert set(twins["family"]) == {"context"}
    assert asked.count(SYS) == len(twins) + 1


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("delimiters", {"closing": " "}, "nobody sees where the data begin or end"),
        ("spotlighting", {"mark": ""}, "marks nothing"),
        ("reminder", {"text": ""}, "changes nothing"),
        ("in_context", {"count": 0}, "at least 1"),
        ("keyword_filter", {"words": ()}, "filters nothing"),
        ("keyword_filter", {"words": ("Now",)}, "'Now' is not one word in small letters"),
        ("order_detector", {"false_blocks": 1.0}, "a share from 0 to below 1"),
    ],
)
def test_options_out_of_range(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        StepSpec(edit={"name": name, **options}, objective=None)
