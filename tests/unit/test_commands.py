"""The longer commands: an audit's config is read as meant, exports read back, changes are found."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from residue import cli
from residue.commands.audit import Asked, AuditError, prepare
from residue.commands.compare import changes, comparison
from residue.core.artifacts import read_parquet, write_parquet
from residue.measure.known import without_base
from residue.measure.table import measure_all
from residue.records.outputs.answered import Answered
from residue.records.outputs.deck import asked_deck
from residue.records.outputs.reading import read_outputs
from residue.records.outputs.tables import spoken
from residue.report.claims import claims
from residue.report.estimates import estimates
from residue.specs.claims import ClaimSpec, EstimandSpec
from residue.specs.fields import listed, plain
from residue.specs.outputs import Outputs
from residue.specs.plan import read_config
from residue.specs.statistics import StatisticsSpec
from tests import outputs_files as made


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A base, an edited model and an adapter by their config files alone, and a divided file."""
    monkeypatch.chdir(tmp_path)
    for name in ("base", "Edited-1", "9-lora"):
        (tmp_path / name).mkdir()
        file = "adapter_config.json" if "lora" in name else "config.json"
        (tmp_path / name / file).write_text("{}")
    lines = [
        {"set": name, "prompt": f"{name} {i}?", "a": "x", "who": f"{name}-{i}"}
        for name in ("forget", "retain")
        for i in range(3)
    ]
    (tmp_path / "f.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path


def test_the_config_of_an_audit_is_read_as_it_was_meant(folders: Path) -> None:
    asked = Asked(
        models=[Path("Edited-1"), Path("9-lora")], base=Path("base"), data=Path("f.jsonl"),
        out=Path("results/a"), columns={"cluster": "who"}, quick=True,
    )  # fmt: skip
    plan = read_config(yaml.safe_load(prepare(asked).read_text()))
    arms = plan.config.arms
    assert {name: (arm.model, arm.adapter) for name, arm in arms.items()} == {
        "edited_1": ("Edited-1", None),
        "model_9_lora": (None, "9-lora"),
    }
    columns = plan.config.data.columns
    assert (columns.question, columns.answer, columns.cluster) == ("prompt", "a", "who")
    assert plan.attacks() == []
    assert not plan.reads_rows()
    assert plan.config.measures.known.least == 0
    for _, _, source in plan.config.data.sources():
        lines = Path(source.file).read_text().splitlines()
        assert {json.loads(line)["set"] for line in lines} == {Path(source.file).stem}


def test_an_audit_that_cannot_be_says_what_to_give(folders: Path) -> None:
    asked = {"base": Path("base"), "out": Path("o"), "models": [Path("Edited-1")]}
    one = folders / "one.jsonl"
    one.write_text('{"question": "a?", "answer": "b"}\n')
    with pytest.raises(AuditError, match="add --retain FILE"):
        prepare(Asked(data=one, **asked))
    with pytest.raises(AuditError, match="--columns question=q"):
        prepare(Asked(data=_file(folders, {"x": 1}), **asked))
    with pytest.raises(AuditError, match="neither config.json nor adapter_config"):
        prepare(Asked(data=folders / "f.jsonl", **{**asked, "models": [folders]}))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A small run of files of outputs: deck, generations, measurements, estimates and claims."""
    return finished(tmp_path / "r", tmp_path, ("retain",))


def finished(out: Path, files: Path, knows: tuple[str, ...], margin: float = 0.2) -> Path:
    """The tables of a run with a base and one arm that knows some sets, and their manifests."""
    estimands = {
        name: EstimandSpec(where={"split": (split,)}) for name, split in SPLITS.items()
    } | {"kept": EstimandSpec(where={"split": (SPLITS["retain"],)}, reference="base")}
    claims_asked = {"keeps": ClaimSpec("It keeps.", "kept", kind="non_inferior", margin=margin)}
    told = {"base": ("forget", "retain"), "theirs": knows}
    read = {
        arm: read_outputs([(Outputs(file="f"), made.open_unlearning(files / f"{arm}.json", sets))])
        for arm, sets in told.items()
    }
    deck, _ = asked_deck(read["base"][0])
    tables = {"world/decks/facts": deck, "measurements/known/pair0": without_base(deck)}
    tables["measurements/known/pair0"] = tables["measurements/known/pair0"].assign(pair=0)
    for arm, (found, _) in read.items():
        generations, values = (table.to_pandas() for table in spoken(found, deck))
        run = f"{arm}/pair0/seed0/plain"
        tables[f"records/{run}/facts/generations"] = generations
        tables[f"measurements/{run}/facts"] = measure_all(
            {"generations": generations}, deck,
            ["exact_answer", "answer_probability", "extraction_strength"],
            arm=arm, pair=0, seed=0, values=values,
        )  # fmt: skip
    measured = pd.concat(t for name, t in tables.items() if name.endswith("plain/facts"))
    known = tables["measurements/known/pair0"]
    statistics = StatisticsSpec()
    made_of = estimates(measured, deck, known, estimands, statistics)
    tables["tables/estimates"] = made_of
    tables["tables/claims"] = claims(made_of, claims_asked)
    for name, table in tables.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        write_parquet(out / f"{name}.parquet", table)
    inputs = [name for name in tables if name.startswith("measurements")] + ["world/decks/facts"]
    specs = {
        "estimates": {"estimands": listed(estimands), "statistics": plain(statistics)},
        "claims": {"claims": listed(claims_asked)},
    }
    for name, spec in specs.items():
        note = {
            "stage": name, "spec": {**spec, "wildcards": {}}, "code": "x",
            "output": f"results/a/tables/{name}.parquet", "cpu_seconds": 1,
            "inputs": {f"results/a/{each}.parquet": "0" for each in inputs},
        }  # fmt: skip
        (out / f"tables/{name}.parquet.manifest.json").write_text(json.dumps(note))
    return out


SPLITS = {"forget": "forget_test", "retain": "retain_untouched"}


def test_an_exported_eval_json_reads_back_as_the_same_numbers(results: Path) -> None:
    words = ["export", str(results / "e"), "--format", "eval-json", "--arm", "theirs"]
    with pytest.raises(SystemExit, match="0"):
        cli.main([*words, "--out", str(results)])
    file = results / "e/RESIDUE_EVAL.json"
    content = json.loads(file.read_text())
    for name, entry in content.items():
        assert set(entry) == {"agg_value", "value_by_index"}, name
    before = {each.prompt: each for each in open_unlearning(results.parent / "theirs.json")}
    after = {each.prompt: each for each in open_unlearning(file)}
    assert set(after) == set(before)
    for prompt, each in after.items():
        assert (each.set, each.output, each.answers) == (
            before[prompt].set, before[prompt].output, before[prompt].answers,
        )  # fmt: skip
        wanted = before[prompt].values["answer_probability"]
        assert each.values["answer_probability"] == pytest.approx(wanted)
    absent = json.loads((results / "e/RESIDUE_ABSENT.json").read_text())
    assert "truth_ratio" in absent["forget_Truth_Ratio"]
    assert not set(absent) & set(content)


def open_unlearning(path: Path) -> list[Answered]:
    return read_outputs([(Outputs(file=str(path), form="open_unlearning"), path)])[0]


def test_an_exported_task_holds_every_answered_item(results: Path) -> None:
    words = ["export", str(results / "t"), "--format", "lm-eval-task", "--out", str(results)]
    with pytest.raises(SystemExit, match="0"):
        cli.main(words)
    (file,) = (results / "t").glob("*.yaml")
    task = yaml.safe_load(file.read_text())
    assert task["output_type"] == "generate_until"
    lines = Path(task["dataset_kwargs"]["data_files"]["test"]).read_text().splitlines()
    asked = {json.loads(line)["item"]: json.loads(line) for line in lines}
    deck = read_parquet(results / "world/decks/facts.parquet")
    assert set(asked) == set(deck["item"])
    for key in re.findall(r"{{(\w+)}}", task["doc_to_text"] + task["doc_to_target"]):
        assert all(key in line for line in asked.values())


def test_a_comparison_finds_what_changed_and_nothing_else(results: Path, tmp_path: Path) -> None:
    same = comparison(results, results)
    assert [part.rows for part in same] == [[], [], [], []]
    (tmp_path / "other").mkdir()
    other = finished(tmp_path / "r2", tmp_path / "other", ("forget",), margin=0.3)
    config, made_of, verdicts, found = comparison(results, other, every=True)
    assert config.rows == [("claims.keeps.margin", "0.2", "0.3")]
    assert made_of.rows == []
    assert verdicts.note.endswith("are the same.")
    told = {(row[0], row[1]): row[2] for row in found.rows}
    assert told["forget", "theirs"].startswith("+1.00 ")
    assert told["retain", "theirs"].startswith("−1.00 ")
    assert told["retain", "base"].startswith("0.00 ")


def test_changes_go_by_name_and_by_key() -> None:
    old = {"a": [{"name": "x", "v": 1}, {"name": "y", "v": 1}], "b": {"c": [1, 2]}}
    new = {"a": [{"name": "y", "v": 2}, {"name": "x", "v": 1}], "b": {"c": [1]}, "d": "t"}
    assert list(changes(old, new)) == [
        ("a.y.v", "1", "2"), ("b.c", "[1,2]", "[1]"), ("d", "–", '"t"'),
    ]  # fmt: skip


def _file(folder: Path, line: dict[str, object]) -> Path:
    (folder / "odd.jsonl").write_text(json.dumps(line) + "\n")
    return folder / "odd.jsonl"


PLAN = ("--sequences", "4", "--length", "64", "--base", "full", "--keep", "--moments", "32")


def planned_total(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> float:
    """What `residue plan` says one update takes in all, GiB, and that it does not fit."""
    with pytest.raises(SystemExit, match="1"):
        cli.main(["plan", "--model", str(folder), *words, "--limit", "0.01"])
    _, head, line, *_ = capsys.readouterr().out.splitlines()
    row = dict(zip(re.split(r" {2,}", head.strip()), re.split(r" {2,}", line.strip()), strict=True))
    assert row["verdict"] == "too large"
    return float(row["total"])


def test_what_the_plan_says_to_mend_takes_less(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = {"model_type": "llama", "hidden_size": 1024, "intermediate_size": 2048,
            "num_hidden_layers": 2, "num_attention_heads": 8, "vocab_size": 8192}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(keys))
    before = planned_total(capsys, tmp_path, *PLAN)
    for mended in (
        (*PLAN, "--base", "nf4"), [word for word in PLAN if word != "--keep"],
        (*PLAN, "--moments", "8"), (*PLAN, "--sequences", "2"), (*PLAN, "--length", "32"),
    ):  # fmt: skip
        assert planned_total(capsys, tmp_path, *mended) < before
    with pytest.raises(SystemExit, match="holds no config.json"):
        cli.main(["plan", "--model", str(tmp_path / "none")])
