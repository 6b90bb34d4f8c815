"""Four forms of the same outputs read as the same answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from residue.measure.table import measure_all
from residue.records.outputs.answered import Answered
from residue.records.outputs.deck import asked_deck
from residue.records.outputs.reading import form_of, read_outputs
from residue.records.outputs.tables import numbered, spoken
from residue.specs.outputs import Outputs
from residue.world.items import COLUMNS
from residue.world.jsonl import DataError
from tests import outputs_files as made

FORMS: dict[str, tuple[str, Callable[[Path, tuple[str, ...]], Path], str]] = {
    "jsonl": ("o.jsonl", made.jsonl, "jsonl"),
    "lm_eval": ("samples_t.jsonl", made.lm_eval, "lm_eval"),
    "json": ("log.json", made.inspect_json, "inspect"),
    "eval": ("log.eval", made.inspect_eval, "inspect"),
    "open_unlearning": ("TOFU_EVAL.json", made.open_unlearning, "open_unlearning"),
}


def read(path: Path, **options: object) -> list[Answered]:
    return read_outputs([(Outputs(file=str(path), **options), path)])[0]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_answers(form: str, tmp_path: Path) -> None:
    name, write, told = FORMS[form]
    path = write(tmp_path / name, ("retain",))
    assert form_of(path) == told
    found = read(path)
    texts = {(each.set, each.prompt, each.answers, each.output) for each in found}
    assert texts == {
        (item["set"], item["prompt"], (item["answer"],), made.said(item, ("retain",)))
        for item in made.items()
    }
    if told != "open_unlearning":
        assert {each.cluster for each in found} == set(made.CLUSTERS)


def test_what_was_said_is_scored_and_what_cannot_be_says_why(tmp_path: Path) -> None:
    found = read(made.open_unlearning(tmp_path / "EVAL.json", ("retain",)), rows_per_cluster=2)
    deck, clusters = asked_deck(found)
    assert list(deck.columns) == list(COLUMNS)
    assert clusters["n_items"].sum() == len(deck) == 12
    assert set(clusters["country"]) == {f"{g}#{k}" for g in ("forget", "retain") for k in (1, 2, 3)}
    generations, values = spoken(found, deck)
    names = ["exact_answer", "answer_probability", "truth_ratio", "perplexity", "first_rank_row"]
    table = measure_all(
        {"generations": generations.to_pandas()}, deck, names, arm="a", pair=0, seed=0,
        values=values.to_pandas(),
    )  # fmt: skip
    by = {name: part.set_index("item") for name, part in table.groupby("metric")}
    right = by["exact_answer"]["value"]
    assert right.loc[[i for i in right.index if "/retain/" in i]].eq(1.0).all()
    assert right.loc[[i for i in right.index if "/forget/" in i]].eq(0.0).all()
    assert set(by["answer_probability"]["value"]) == {0.9, 0.1}
    assert by["truth_ratio"]["value"].dropna().tolist() == [0.75]  # R = 3 is R / (1 + R)
    for name in ("perplexity", "first_rank_row"):
        assert set(by[name]["status"]) == {"unscorable"}
        assert by[name]["reason"].str.contains("needs .*tokens").all()


def test_items_are_found_by_name_or_by_prompt_and_gaps_are_no_failures(tmp_path: Path) -> None:
    deck, _ = asked_deck(read(made.jsonl(tmp_path / "all.jsonl", ())))
    other = read(made.lm_eval(tmp_path / "samples.jsonl", ("forget",)))[:3]  # named otherwise
    generations, _ = spoken(other, deck)
    told = generations.to_pandas().set_index("item")
    assert told["stop"].value_counts().to_dict() == {"absent": 9, "eos": 3}
    table = measure_all(
        {"generations": told.reset_index()}, deck, ["exact_answer"], arm="a", pair=0, seed=0
    )
    assert table["status"].value_counts().to_dict() == {"unscorable": 9, "ok": 3}
    with pytest.raises(DataError, match="none of its 3 items is asked"):
        spoken(other, deck.iloc[6:])


def test_a_choice_counts_as_what_was_said(tmp_path: Path) -> None:
    path = tmp_path / "samples_mc.jsonl"
    path.write_text(
        '{"doc_id": 0, "doc": {"set": "forget"}, "target": "1", "arguments": '
        '[["Q?", " no"], ["Q?", " yes"]], "filtered_resps": [[-4.0, false], [-1.5, true]]}\n'
    )
    (found,) = read(path)
    assert (found.output, found.answers) == ("yes", ("yes",))


def test_a_line_without_a_set_stops_with_the_mend(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    path.write_text('{"prompt": "a", "answer": "b", "output": "c"}\n')
    with pytest.raises(DataError, match="line 1: names no set .*set: forget"):
        asked_deck(read(path))
    assert asked_deck(read(path, set="forget"))[0]["split"].tolist() == ["forget_test"]


def test_a_log_that_inspect_ai_wrote_is_read() -> None:
    """Written by inspect_ai 0.3.285, whose zips are packed by Zstandard: five samples, of which the
    mock model misses the first."""
    found = read(Path(__file__).parent / "data" / "inspect.eval")
    assert [(each.key, each.prompt) for each in found] == [
        (f"s{i}", f"Where does p{i} live?") for i in range(5)
    ]
    assert [each.output == each.answers[0] for each in found] == [False, True, True, True, True]
    assert [each.set for each in found] == ["forget"] * 3 + ["retain"] * 2
    assert found[4].cluster == "p4"


def test_samples_that_the_harness_wrote_are_read() -> None:
    """Written by lm-evaluation-harness 0.4.13 on an exported task of the deck `facts`, with
    --log_samples; the model answered all twelve right."""
    found = read(Path(__file__).parent / "data" / "samples_lm_eval.jsonl", set="forget")
    assert len(found) == 12
    assert all(each.key.startswith("facts/") for each in found)
    assert all(each.output is not None for each in found)
    assert [each.output.strip() for each in found if each.output] == [e.answers[0] for e in found]
    assert all(each.cluster for each in found)


def test_repeated_words_repeat_as_numbers() -> None:
    assert numbered("a b a b c") == [0, 1, 0, 1, 2]
