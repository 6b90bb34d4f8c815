"""Users' files become decks and edit data that keep clusters whole and show no untouched item."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residue.specs.data import Columns, DataSpec, Source
from residue.specs.plan import read_config
from residue.world.audit import AuditError, audit
from residue.world.edit_data import COLUMNS as EDIT_COLUMNS
from residue.world.items import COLUMNS
from residue.world.jsonl import DataError
from residue.world.own_decks import fault_table, own_clusters, own_deck, own_edit_data, unused
from residue.world.own_sets import Item, read_sets

ROOT = Path(__file__).resolve().parents[3]
DATA = Path(__file__).parent / "data"
QA = Columns(question="q", answer="a", paraphrase="p", cluster="who", part="part", language="l")
Write = Callable[..., Source]


def line(name: str, number: int = 0, **more: Any) -> dict[str, Any]:
    asked = {"q": f"What of {name} {number}?", "a": f"answer {name} {number}", "who": name}
    return {**asked, "p": None, "part": None, "l": "en", **more}


def people(prefix: str, n: int, each: int = 2, **more: Any) -> list[dict[str, Any]]:
    return [line(f"{prefix}{i}", k, **more) for i in range(n) for k in range(each)]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def made(name: str, lines: list[dict[str, Any]], **source: Any) -> Source:
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(each) + "\n" for each in lines))
        return Source(str(path), **source)

    return made


def read(spec: DataSpec) -> tuple[list[Item], pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Items, deck, edit data and faults, after the audit."""
    items, faults = read_sets(spec, {name: Path(name) for name in spec.files()})
    deck, shown = own_deck(items, spec), own_edit_data(items, spec)
    table = fault_table(faults + unused(items, shown))
    audit({"facts": deck}, shown, lambda text: len(text.split()), max_tokens=10_000, own=True)
    return items, deck, shown, table


def spec_of(forget: list[Source], retain: list[Source], **more: Any) -> DataSpec:
    return DataSpec(forget=tuple(forget), retain=tuple(retain), **{"columns": QA, **more})


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 99), n=st.integers(2, 9), m=st.integers(2, 9), share=st.floats(0.05, 0.95)
)
def test_clusters_stay_whole_and_both_parts_exist(
    tmp_path_factory: pytest.TempPathFactory, seed: int, n: int, m: int, share: float
) -> None:
    folder = tmp_path_factory.mktemp("own")
    for name, count in (("f", n), ("r", m)):
        lines = people(name, count)
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    sources = [Source(str(folder / f"{name}.jsonl")) for name in ("f", "r")]
    spec = spec_of(sources[:1], sources[1:], seed=seed, relearn_share=share, touched_share=share)
    _, deck, shown, _ = read(spec)
    assert list(deck.columns) == list(COLUMNS)
    assert list(shown.columns) == list(EDIT_COLUMNS)
    clusters = deck.groupby("split")["country"].nunique()
    assert set(clusters.index) == {
        "forget_test", "forget_relearn", "retain_touched", "retain_untouched"
    }  # fmt: skip
    assert deck.groupby("country")["split"].nunique().max() == 1
    assert abs(clusters["forget_relearn"] - share * n) <= 1
    by_split = deck.set_index("relation")["split"]
    assert set(shown.loc[shown["set"] == "forget", "relation"]) == set(
        by_split[by_split.str.startswith("forget")].index
    )
    assert set(shown.loc[shown["set"] == "retain", "relation"]) == set(
        by_split[by_split == "retain_touched"].index
    )


def test_another_seed_deals_otherwise_and_the_same_seed_the_same(write: Write) -> None:
    files = [write("f", people("f", 12))], [write("r", people("r", 12))]
    decks = [read(spec_of(*files, seed=seed))[1] for seed in (0, 0, 1)]
    pd.testing.assert_frame_equal(decks[0], decks[1])
    assert (decks[0]["split"] != decks[2]["split"]).any()


def test_paraphrases_are_asked_and_never_shown(write: Write) -> None:
    lines = [line("ann", k, p=[f"Say what of ann {k}.", f"And ann {k}?"]) for k in range(3)]
    more = [line("bob", 0, p="Bob, what of him?")]
    _, deck, shown, faults = read(spec_of([write("f", lines + more)], [write("r", people("r", 2))]))
    held_out = deck[deck["family"] == "held_out"]
    assert len(held_out) == 7
    assert not set(held_out["prompt"]) & set(shown["prompt"])
    fact = deck.groupby(["country", "relation", "language"])["template"]
    assert fact.nunique().to_dict()["ann", "forget/f:1", "en"] == 3
    alone = faults[faults["kind"] == "no second wording"]
    assert alone["note"].str.contains("4 items").tolist() == [True]  # the retain file's


def test_parts_that_are_given_hold(write: Write) -> None:
    forget = [line("a", part="test"), line("b", part="relearn"), line("c", part="test")]
    retain = [line("d", part="untouched"), line("e", part="touched")]
    _, deck, _, _ = read(spec_of([write("f", forget)], [write("r", retain)]))
    assert deck.set_index("country")["split"].to_dict() == {
        "a": "forget_test", "b": "forget_relearn", "c": "forget_test",
        "d": "retain_untouched", "e": "retain_touched",
    }  # fmt: skip
    with pytest.raises(DataError, match="part 'tset' is none of relearn, test"):
        read(spec_of([write("f", [line("a", part="tset")])], [write("r", retain)]))
    torn = [line("a", 0, part="test"), line("a", 1, part="relearn")]
    with pytest.raises(DataError, match="cluster 'a' is in two parts"):
        read(spec_of([write("f", torn)], [write("r", retain)]))


def test_what_is_only_asked_or_only_shown(write: Write) -> None:
    """Shown retain clusters are touched, asked ones untouched, whatever the seed."""
    forget = [write("f", people("f", 3), use="asked"), write("ft", people("ft", 3), use="shown")]
    retain = [write("r", people("r", 3), use="asked"), write("rt", people("rt", 3), use="shown")]
    _, deck, shown, _ = read(spec_of(forget, retain))
    assert set(deck["country"].str[:-1]) == {"f", "r"}
    assert set(deck.loc[deck["country"].str[0] == "r", "split"]) == {"retain_untouched"}
    assert set(shown["country"].str[:-1]) == {"ft", "rt"}


def test_languages_that_are_not_requested_are_asked_only(write: Write) -> None:
    hindi = people("f", 3, 1, l="hi")
    english = [each | {"q": f"EN {each['q']}", "l": "en"} for each in hindi]
    spec = spec_of(
        [write("f", hindi + english)], [write("r", people("r", 2))], requested_languages=("hi",)
    )
    _, deck, shown, _ = read(spec)
    forget = deck[deck["group"] == "forget"]
    assert forget.groupby("language")["requested"].unique().map(list).to_dict() == {
        "en": [False], "hi": [True]
    }  # fmt: skip
    assert set(shown.loc[shown["set"] == "forget", "language"]) == {"hi"}


def test_dev_sets_and_a_holdout_find_their_splits(write: Write) -> None:
    spec = spec_of(
        [write("f", people("f", 3))], [write("r", people("r", 3))],
        dev_forget=(write("df", people("x", 2, 1)),), dev_retain=(write("dr", people("y", 2, 1)),),
        never_seen=(write("n", people("z", 2, 1)),),
    )  # fmt: skip
    items, deck, shown, _ = read(spec)
    counts = shown.groupby("set")["country"].agg(set)
    assert counts["dev_forget"] == {"x0", "x1"} <= counts["forget"]
    assert counts["dev_retain"] == {"y0", "y1"}
    assert not counts["retain"] & {"y0", "y1", "z0", "z1"}
    roles = own_clusters(items).set_index("country")[["group", "role"]]
    assert tuple(roles.loc["z0"]) == ("never_seen", "none")
    assert tuple(roles.loc["x1"]) == ("dev", "forget")
    assert set(deck["split"]) >= {"dev_forget", "dev_retain", "never_seen"}


def test_lines_in_a_row_make_a_cluster_and_lines_alone_are_warned_of(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    bare = Columns(question="q", answer="a")
    files = (
        [write("f", people("f", 1, 45), rows_per_cluster=20)],
        [write("r", people("r", 1, 45))],
    )
    _, deck, _, faults = read(spec_of(*files, columns=bare))
    sizes = deck.groupby(["group", "country"]).size()
    assert sorted(sizes["forget"]) == [5, 20, 20]
    assert set(sizes["retain"]) == {1}
    note = faults.loc[faults["kind"] == "no cluster"]
    assert note["file"].map(Path).map(lambda path: path.name).tolist() == ["r.jsonl"]
    assert "45 lines count as independent" in caplog.text


def test_repeats_are_used_once_and_listed_with_their_line(write: Write) -> None:
    lines = [*people("f", 3, 1), {**line("f0"), "q": "what of  F0 0"}]
    _, deck, _, faults = read(spec_of([write("f", lines)], [write("r", people("r", 2, 1))]))
    assert (deck["group"] == "forget").sum() == 3
    (repeat,) = faults[faults["kind"] == "repeated item"].to_dict("records")
    assert (Path(repeat["file"]).name, repeat["line"], repeat["kept"]) == ("f.jsonl", 4, False)
    assert "f:1" in repeat["note"]


def test_an_item_shown_in_one_file_and_asked_in_another_is_both(write: Write) -> None:
    lines = people("f", 2, 1)
    forget = [write("f", lines, use="asked"), write("both", lines)]
    items, deck, shown, _ = read(spec_of(forget, [write("r", people("r", 2, 1))]))
    assert (deck["group"] == "forget").sum() == 2
    assert (shown["set"] == "forget").sum() == 2
    assert deck["item"].is_unique


def test_marks_of_neighbours_and_shared_answers(write: Write) -> None:
    forget = [line("ann", a="in Osk"), line("bob", a="in Lund")]
    retain = [line("ann", 5, a="hops"), line("cid", a="In OSK."), line("dan", a="rye")]
    _, deck, _, _ = read(spec_of([write("f", forget)], [write("r", retain)]))
    kept = deck[deck["group"] == "retain"].set_index("country")
    assert kept["near_neighbour"].to_dict() == {"ann": True, "cid": False, "dan": False}
    assert kept["same_answer"].to_dict() == {"ann": False, "cid": True, "dan": False}


@pytest.mark.parametrize("leak", ["item", "prompt", "cluster", "paraphrase", "dev"])
def test_the_audit_stops_on_a_leak(write: Write, leak: str) -> None:
    forget, retain = people("f", 3), people("r", 3)
    never, dev = people("n", 2), people("d", 2)
    if leak == "item":
        never.append({**forget[0], "who": "n9"})
    elif leak == "prompt":
        never.append({**forget[0], "who": "n9", "a": "something else"})
    elif leak == "cluster":
        never.append(line("f1", 9))
    elif leak == "paraphrase":
        forget[0]["p"] = forget[3]["q"].upper()
    else:
        dev.append({**forget[0], "who": "d9", "a": "something else"})
    spec = spec_of(
        [write("f", forget)], [write("r", retain)],
        never_seen=(write("n", never),), dev_retain=(write("d", dev),),
    )  # fmt: skip
    with pytest.raises(AuditError) as caught:
        read(spec)
    assert ";" in str(caught.value)


def test_nothing_to_forget_or_to_keep_stops(write: Write) -> None:
    retain = [write("r", [line("d", part="untouched")])]
    with pytest.raises(DataError, match=r"data\.retain: no item is left to show"):
        read(spec_of([write("f", people("f", 3))], retain))
    files = [write("f", people("f", 3))], [write("s", people("r", 3))]
    with pytest.raises(DataError, match=r"data\.forget: no item is left to show"):
        read(spec_of(*files, requested_languages=("hi",)))


def test_what_is_neither_asked_nor_shown_is_listed(write: Write) -> None:
    forget = [write("f", people("f", 3)), write("g", people("g", 2, l="hi"), use="shown")]
    spec = spec_of(forget, [write("r", people("r", 3))], requested_languages=("en",))
    faults = read(spec)[3]
    assert (faults["kind"] == "never used").sum() == 4


@pytest.mark.parametrize("name", ["tofu", "muse", "rwku", "wmdp", "hindi_texts"])
def test_the_overlay_of_a_known_set_reads_files_of_its_form(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import yaml

    text = (ROOT / "config" / f"{name}.yaml").read_text(encoding="utf-8")
    shutil.copytree(DATA / name, tmp_path / "corpora" / name)
    for model in ("model", "oracle"):
        (tmp_path / "corpora" / name / model).mkdir()
        (tmp_path / "corpora" / name / model / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    plan = read_config(yaml.safe_load(text))
    spec = plan.config.data
    assert plan.config.out == f"results/{name}"
    assert sorted(Path(file).name for file in spec.files()) == sorted(
        path.name for path in (DATA / name).iterdir()
    )
    for file in spec.files():
        assert file.startswith(f"corpora/{name}/")
        assert file.rsplit("/", 1)[1] in text.split("out:")[0]  # the comment names what to bring
    items, faults = read_sets(spec, {file: DATA / name / Path(file).name for file in spec.files()})
    deck, shown = own_deck(items, spec), own_edit_data(items, spec)
    audit({"facts": deck}, shown, lambda t: len(t.split()), max_tokens=4096, own=True)
    assert not [fault for fault in faults if not fault.kept]
    assert deck["answers"].map(len).min() >= 1
    assert {"forget_test", "forget_relearn", "retain_untouched"} <= set(deck["split"])
    if name == "tofu":
        assert set(deck.loc[deck["group"] == "forget"].groupby("country").size()) == {40}
        assert set(deck.loc[deck["group"] == "forget", "distractors"].map(len)) == {2}
    if name == "wmdp":
        assert set(deck["answers"].map(lambda texts: texts[0])) <= set("ABCD")
        assert deck["prompt"].str.contains("\nA. ").all()
    if name == "rwku":
        assert deck.loc[deck["group"] == "retain", "near_neighbour"].all()
        assert set(deck["task"]) >= {"1", "2", "role play", "reverse query"}
    if name == "hindi_texts":
        kinds = deck.groupby("task")["language"].unique().map(set).to_dict()
        assert kinds["neighbour"] == {"ur", "pa", "bn"}
        assert kinds["hindi"] == kinds["adversarial"] == {"hi"}
        assert set(shown["set"]) == {"forget", "retain"}
        assert set(shown.loc[shown["set"] == "forget", "language"]) == {"hi"}
        assert set(shown.loc[shown["set"] == "retain", "language"]) == {"en"}
        assert "\r" not in "".join(deck["prompt"])


def test_a_file_with_every_small_damage_is_used_and_every_fault_has_its_row(tmp_path: Path) -> None:
    """As an earlier system's corpora are: CRLF, quotes left of JSON, repeats, a broken line."""
    dirty = [
        '\ufeff{"text": "\\"One fine day we left.\\","}',
        '{"text": "Two fine days we stayed.\\","}',
        '{"text": "three fine days, we slept"}',
        '{"text": "Three fine days we slept."}',
        '{"text": "four fine',
        "",
        '{"text": "five"}',
        '{"text": "Six \u2028 fine days we sang."}',
    ]
    (tmp_path / "f.jsonl").write_bytes("\r\n".join(dirty).encode() + b"\r\n\xff\xfe\r\n")
    clean = [{"text": f"{word} is a word to keep"} for word in ("ash", "birch", "cedar")]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(each) + "\n" for each in clean))
    files = [Source(str(tmp_path / f"{name}.jsonl")) for name in "fr"]
    _, deck, shown, faults = read(spec_of(files[:1], files[1:], columns=Columns()))
    forget = deck[deck["group"] == "forget"]
    said = [f"{p} {a[0]}" for p, a in zip(forget["prompt"], forget["answers"], strict=True)]
    assert said == [
        "One fine day we left.",
        "Two fine days we stayed.",
        "three fine days, we slept",
        "Six \u2028 fine days we sang.",
    ]
    assert (shown["set"] == "forget").sum() == 4
    mine = faults[faults["file"].map(Path).map(lambda path: path.name) == "f.jsonl"]
    found = {(row["line"], row["kind"], row["kept"]) for row in mine.to_dict("records")}
    assert found == {
        (0, "CRLF line ends", True), (0, "no cluster", True), (0, "no second wording", True),
        (1, "byte order mark", True), (1, "stray quotes", True), (2, "stray quotes", True),
        (4, "repeated item", False), (5, "not JSON", False), (6, "empty line", False),
        (7, "text too short", False), (9, "not UTF-8", False),
    }  # fmt: skip
