"""Lines become entries by the columns that are named, and by nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from residue.specs.data import Columns, DataSpec, Source
from residue.world.jsonl import DataError, Row
from residue.world.mapping import TEXT_KEYS, Entry, read_entries
from residue.world.texts import cut_text, without_debris


def entries(
    *values: dict[str, Any], columns: Columns | None = None, **source: Any
) -> tuple[list[Entry], list[tuple[int, str, bool]]]:
    rows = [Row(number, value) for number, value in enumerate(values, start=1)]
    found, faults = read_entries(
        rows, Source("x.jsonl", columns or Columns(), **source), DataSpec(), "data.forget[0]"
    )
    return found, [(fault.line, fault.kind, fault.kept) for fault in faults]


QA = Columns(question="q", answer="a")


def test_every_column_lands_where_it_belongs() -> None:
    columns = Columns(
        question="q", answer="a", accepted="b", paraphrase="p", distractors="d", cluster="who",
        part="part", language="l", kind="k",
    )  # fmt: skip
    line = {"q": "Where?", "a": ["in Osk", "Osk"], "b": "at Osk", "p": ["Whither?", "Where?"],
            "d": ["in Lund", 3], "who": 7, "part": "test", "l": "sv", "k": "place"}  # fmt: skip
    (entry,), faults = entries(line, columns=columns, prompt="Q: {question}\nA:")
    assert entry == Entry(
        line=1,
        prompts=("Q: Where?\nA:", "Q: Whither?\nA:"),
        answers=("in Osk", "Osk", "at Osk"),
        distractors=("in Lund", "3"),
        cluster="7",
        part="test",
        language="sv",
        kind="place",
    )
    assert faults == [(1, "paraphrase repeats", True)]


@pytest.mark.parametrize(("right", "letter"), [(1, "B"), ("B", "B"), ("crowbar", "B"), (0, "A")])
def test_a_choice_is_a_text_or_a_letter(right: Any, letter: str) -> None:
    columns = Columns(question="q", answer="a", choices="c")
    line = {"q": "Which {choices}?", "a": right, "c": ["spoon", "crowbar", "{question}"]}
    (plain,), _ = entries(line, columns=columns)
    chosen = "crowbar" if letter == "B" else "spoon"
    assert plain.answers == (chosen,)
    assert set(plain.distractors) == {"spoon", "crowbar", "{question}"} - {chosen}
    (lettered,), _ = entries(line, columns=columns, prompt="{question}\n{choices}\n")
    assert lettered.prompts == ("Which {choices}?\nA. spoon\nB. crowbar\nC. {question}\n",)
    assert lettered.answers == (letter,)
    assert set(lettered.distractors) == set("ABC") - {letter}


@pytest.mark.parametrize("right", [3, -1, "D", "fork", True, None, 1.0])
def test_a_choice_that_is_none_is_a_fault(right: Any) -> None:
    columns = Columns(question="q", answer="a", choices="c")
    good = {"q": "Which?", "a": 0, "c": ["x", "y"]}
    found, faults = entries(good, {**good, "a": right}, columns=columns)
    assert len(found) == 1
    assert faults == [(2, "no such choice", False)]


def test_a_chat_gives_its_last_answer() -> None:
    columns = Columns(messages="m")
    turn = [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Yes."}]
    (short, long), faults = entries(
        {"m": turn}, {"m": [{"role": "system", "content": "Be brief."}, *turn]},
        {"m": turn[:1]}, {"m": []}, {"m": "Hi?"}, {"m": [turn[0], {"role": "assistant"}]},
        columns=columns,
    )  # fmt: skip
    assert (short.prompts, short.answers) == (("Hi?",), ("Yes.",))
    assert long.prompts == ("system: Be brief.\nuser: Hi?",)
    assert faults == [(line, "not a chat", False) for line in (3, 4, 5, 6)]


@pytest.mark.parametrize("key", TEXT_KEYS)
def test_unnamed_text_is_searched_for_in_order(key: str) -> None:
    later = TEXT_KEYS[TEXT_KEYS.index(key) :]
    empty = dict.fromkeys(TEXT_KEYS[: TEXT_KEYS.index(key)], " ")
    first = {"text": "so that the pair of keys is not the first line"}
    values = empty | {name: f"text of {name}" for name in later}
    found, _ = entries(first, values)
    assert " ".join((*found[1].prompts, *found[1].answers)) == f"text of {key}"


def test_a_line_without_any_text_is_a_fault_and_messages_come_last() -> None:
    chat = [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "well, yes"}]
    (_, talk), faults = entries({"text": "one two"}, {"messages": chat}, {"note": "x"})
    assert (talk.prompts, talk.answers) == (("well,",), ("yes",))
    assert faults == [(3, "no text", False)]


def test_half_of_a_pair_is_never_taken_for_text() -> None:
    with pytest.raises(DataError, match="line 1 holds 'question' and 'answer'.*columns"):
        entries({"question": "Where?", "answer": "here"})


def test_a_column_that_no_line_has_stops_with_the_nearest() -> None:
    with pytest.raises(DataError, match=r"data\.forget\[0\]\.columns\.question: .*mean 'question'"):
        entries({"question": "Where?", "a": "x"}, columns=Columns(question="qestion", answer="a"))


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ({"q": "Where?"}, "missing value"),
        ({"q": None, "a": "x"}, "missing value"),
        ({"q": "", "a": "x"}, "empty text"),
        ({"q": '",', "a": "x"}, "empty text"),
        ({"q": ["Where?"], "a": "x"}, "not a text"),
        ({"q": "Where?", "a": {"text": "x"}}, "not a text"),
        ({"q": "Where?", "a": True}, "not a text"),
        ({"q": "Where?", "a": []}, "missing value"),
    ],
)
def test_a_line_that_does_not_hold_what_it_should(line: dict[str, Any], kind: str) -> None:
    found, faults = entries({"q": "Who?", "a": "Ada"}, line, columns=QA)
    assert [entry.line for entry in found] == [1]
    assert (2, kind, False) in faults
    with pytest.raises(DataError, match="no line"):
        entries({"q": "", "a": "x"}, columns=QA)


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ('"He came home.",', "He came home."),
        ('"He came home.', "He came home."),
        ('He came home.",', "He came home."),
        ('He came home."', "He came home."),
        ('Say it: "He came home.",', 'Say it: "He came home."'),
        ('"Come," he said.', '"Come," he said.'),
        ('"Come home."', '"Come home."'),
        ("He came, home,", "He came, home,"),
        ('A 3" pipe and a 4" pipe', 'A 3" pipe and a 4" pipe'),
    ],
)
def test_debris_of_json_is_taken_off_and_speech_stays(dirty: str, clean: str) -> None:
    assert without_debris(dirty) == clean
    assert without_debris(clean) == clean


@given(
    st.lists(st.text('ab,.";', min_size=1), min_size=2), st.floats(0.01, 0.99), st.integers(2, 9)
)
def test_a_cut_text_keeps_its_words_in_order(words: list[str], share: float, most: int) -> None:
    prompt, answer, rest = cut_text("  ".join(words), share, most)
    assert prompt
    assert answer
    assert f"{prompt}  {answer}" == "  ".join(words[: len(words) - rest])
    assert len(words) - rest == min(len(words), most)


def test_long_and_short_texts_are_listed() -> None:
    long = " ".join(f"w{number}" for number in range(70))
    found, faults = entries({"t": long}, {"t": "alone"}, columns=Columns(text="t"))
    assert len(found[0].prompts[0].split()) == len(found[0].answers[0].split()) == 32
    assert faults == [(1, "text cut", True), (2, "text too short", False)]
