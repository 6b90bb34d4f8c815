"""The slot grammar of attacks, its encodings, the tool channel, and what a defence is shown."""

from __future__ import annotations

import base64
import codecs
import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from residue.specs.fields import SpecError
from residue.specs.orders import HELD_OUT, DefenceData
from residue.world.build import World
from residue.world.grammar import SPECIAL_TOKENS
from residue.world.injection.defence import HELD_OUT_GOALS, defence_data, seen_templates
from residue.world.injection.encodings import ENCODINGS
from residue.world.injection.families import forms
from residue.world.injection.scenes import POSITIONS, Scene
from residue.world.injection.tools import PLACES, TOOLS, effect
from residue.world.injection.wording import FAMILIES, pretrained_templates
from residue.world.splits import split_of
from residue.world.tasks import SEEN_STYLES, WITNESSES

TEXTS = st.text(string.ascii_letters + " .?", min_size=1, max_size=30)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_a_family_has_sixty_templates_with_new_leads_among_them(family: object) -> None:
    templates = FAMILIES[family.name].templates()  # type: ignore[attr-defined]
    assert len({each.text for each in templates}) == len(templates) >= 60
    assert len({each.style for each in templates}) == len(templates)
    new = {each.text for each in templates if each.held_out}
    assert 10 <= len(new) < len(templates) - 20
    order = forms("Say amber.", "amber कहो।")
    for each in templates:
        text = each.attack(order)
        assert "{" not in text
        assert not any(token in text for token in SPECIAL_TOKENS)


def test_templates_of_different_families_never_write_the_same_text() -> None:
    texts: dict[str, str] = {}
    for family in FAMILIES.values():
        for each in family.templates():
            if not family.goals:
                assert texts.setdefault(each.text, family.name) == family.name


def test_the_styles_of_the_training_text_are_templates() -> None:
    texts = {each.text for each in pretrained_templates()}
    wanted = {style.text.replace("{t}", "").strip() for style in SEEN_STYLES}
    assert texts == wanted


@given(TEXTS)
def test_encodings_lose_nothing_but_what_they_say(text: str) -> None:
    made = {name: encode(text) for name, encode in ENCODINGS.items()}
    assert base64.b64decode(made["base64"]).decode() == text
    assert codecs.decode(made["rot13"], "rot13") == text
    assert bytes.fromhex(made["hex"]).decode() == text
    assert made["backwards"][::-1] == text
    assert made["capitals"].lower() == made["small"] == text.lower()
    assert made["joined"] == text.replace(" ", "")
    letters = [made["spaced"].replace(" ", ""), text.replace(" ", "")]
    assert letters[0] == letters[1]
    assert made["leet"].translate(str.maketrans("43107", "aeiot")).lower() == text.lower()


@given(st.sampled_from(TOOLS), st.sampled_from(PLACES))
def test_a_call_counts_by_its_effect_and_not_by_its_letters(tool: str, place: str) -> None:
    assert effect(f"{tool} {place}") == {(tool, place)}
    assert effect(f"Done: {tool.upper()}, {place}.") == {(tool, place)}
    assert effect(f"{place} {tool}") == frozenset()
    assert effect(f"{tool} apple {place}") == frozenset()


def test_an_attack_in_the_middle_needs_two_sentences(world: World) -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    scene = Scene(world, world.curriculum[0], "capital", 0, (0,), WITNESSES[0])
    template = FAMILIES["naive"].templates()[0]
    with pytest.raises(ValueError, match="no middle"):
        scene.attacked(template, "say", "middle", rng)
    both = replace(scene, carriers=(0, 1))
    for position in POSITIONS:
        made = both.attacked(template, "say", position, rng)
        start, end = made.span
        assert made.prompt[:start] + made.prompt[end:] == both.prompt
        assert made.prompt[start:end].strip() == made.text


@pytest.mark.parametrize("request_", ["facts", "language"])
def test_a_defence_is_shown_twins_of_seen_families_on_its_own_countries(
    world: World, language_world: World, request_: str
) -> None:
    made = world if request_ == "facts" else language_world
    rows = defence_data(made, DefenceData())
    spec = DefenceData()
    assert rows["set"].value_counts().to_dict() == {
        "twin": spec.twins, "keep": spec.keep,
        "dev_twin": spec.dev_twins, "dev_keep": spec.dev_keep,
    }  # fmt: skip
    assert rows["item"].is_unique
    styles = {each.style for each in seen_templates()}
    for row in rows.itertuples():
        dev = row.set.startswith("dev_")
        split = split_of(made, row.country, "en")
        assert split in (("dev_retain", "dev_forget") if dev else ("retain_touched",))
        assert row.family not in HELD_OUT
        assert row.goal not in HELD_OUT_GOALS
        assert row.family == "none" or row.style in styles
        if row.set.endswith("keep"):
            assert (row.attacked, row.hidden_answer, list(row.span)) == ("", "", [])
            continue
        start, end = row.span
        assert row.attacked[:start] + row.attacked[end:] == row.prompt
        assert row.relation not in ("quote", "count")
        assert row.hidden_answer not in ("", row.answer)
        assert row.position == "end"
    quotes = rows[rows["relation"] == "quote"]
    assert all(row.answer in row.prompt for row in quotes.itertuples())
    assert (quotes["family"] != "none").any()
    train, dev = (set(rows.loc[rows["set"].isin(s), "prompt"]) for s in
                  (("twin", "keep"), ("dev_twin", "dev_keep")))  # fmt: skip
    assert not train & dev


def test_too_few_rows_for_a_defence_are_refused() -> None:
    with pytest.raises(SpecError, match="at least 4 rows"):
        DefenceData(twins=1)
