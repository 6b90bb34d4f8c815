"""docs/data-formats.md names the columns and types that the writers really produce.

Tables come from the library's own writers on a small world: base and oracle are played by a few
lines that answer all facts or none, so that nothing is trained.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from residue import stage
from residue.attackers import attempts, channel
from residue.attackers.methods.best_of_n import Attacker as BestOfN
from residue.attackers.methods.template_search import Attacker as TemplateSearch
from residue.attackers.targets import targets
from residue.core.artifacts import write_parquet
from residue.edits import recipes
from residue.lens.judging import SCHEMA as REPORT
from residue.lens.pairs import SCHEMA as PAIRS
from residue.lens.patched_depth import table as patching_table
from residue.lens.predictions import final_predictions, stacked
from residue.lens.ridge import SCHEMA as RIDGE
from residue.lens.selftest import as_table
from residue.lens.table import SCHEMA as TABLE
from residue.lens.twin_pairs import table as twins_table
from residue.lens.witness import skipped
from residue.measure.judged_rows import agreement
from residue.measure.known import find_known
from residue.measure.language_id.trial import trial
from residue.measure.references import tried
from residue.measure.row_judge import Budget, chosen_items, judged_replies
from residue.measure.table import measure_all
from residue.models.head import HeadShape
from residue.models.history import Place, Sums
from residue.models.layouts import LAYOUTS
from residue.records.gradients import gradient_norms
from residue.records.outputs.tables import VALUES
from residue.records.store import GENERATIONS, TOKENS, rows_schema
from residue.records.stream import stream_schema
from residue.report.adaptive import adaptive_table, of_run
from residue.report.attacks import Attacks
from residue.report.certificate import certificate
from residue.report.claims import claims
from residue.report.depth import depth_table
from residue.report.escapes import escapes
from residue.report.estimates import estimates
from residue.report.injection import injection_table
from residue.report.judging import confusion
from residue.report.meta import meta_table
from residue.report.recovery import Attack, recovery_table
from residue.report.relearning import relearning_table
from residue.report.succession import Asked, succession_table
from residue.report.tests import COLUMNS as TESTS
from residue.report.tests import blank, with_multiplicity
from residue.representation.causal_picture import design_of, picture
from residue.representation.order_rows import order_rows, pairs_of
from residue.representation.row_tests import as_tables as row_tables
from residue.representation.selection import score_rows
from residue.specs.arms import ArmSpec, PartSpec
from residue.specs.conditions import StressSpec
from residue.specs.default_claims import default_claims
from residue.specs.default_estimands import default_estimands
from residue.specs.depth import DepthSpec
from residue.specs.injection import InjectionSpec
from residue.specs.measures import KnownSpec, LanguageIdSpec
from residue.specs.meta import MetaSpec
from residue.specs.orders import DefenceData
from residue.specs.pretrain import PretrainSpec
from residue.specs.records import RecordsSpec
from residue.specs.representation import RepresentationSpec
from residue.specs.statistics import StatisticsSpec
from residue.specs.streams import StreamsSpec
from residue.specs.tests import CalibrationSpec, GraphSpec
from residue.specs.world import Decks, GroupSizes, WorldSpec
from residue.stats.calibration import calibrate
from residue.world.audit import audit
from residue.world.build import World, build_world
from residue.world.corpus import build_corpus
from residue.world.edit_data import edit_data
from residue.world.facts import read_facts
from residue.world.injection.defence import defence_data
from residue.world.injection.items import orders_deck
from residue.world.injection.leaks import leaks
from residue.world.injection.shortcuts import shortcuts
from residue.world.items import facts_deck
from residue.world.jsonl import Fault
from residue.world.lens_items import lens_deck
from residue.world.own_decks import fault_table

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "data-formats.md"


def documented() -> dict[str, dict[str, str]]:
    """Section of the page → name in its table → type."""
    found: dict[str, dict[str, str]] = {}
    for part in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        rows = re.findall(r"^\| ((?:`[^`]+`(?: … )?)+) \| ([^|]*) \|", part, flags=re.MULTILINE)
        found[part.partition("\n")[0]] = {
            name: kind.strip() for names, kind in rows for name in re.findall(r"`([^`]+)`", names)
        }
    return found


def words(kind: pa.DataType) -> str:
    """An Arrow type in the words of the page."""
    if pa.types.is_fixed_size_list(kind):
        return f"vector of {words(kind.value_type)}"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"list of {words(kind.value_type)}"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "text"
    return {"bool": "true or false", "double": "float64", "float": "float32"}.get(
        str(kind), str(kind)
    )


def said(deck: pd.DataFrame, *, knows: bool) -> pd.DataFrame:
    """The generations of a model that knows every fact, or none."""
    rows = [
        {"item": item, "text": answers[0] if knows else "?", "stop": "eos", "reason": ""}
        for item, answers in zip(deck["item"], deck["answers"], strict=True)
    ]
    return pd.DataFrame(rows)


def choice_table(deck: pd.DataFrame) -> pd.DataFrame:
    """Scores of a base whose rows are noise."""

    class Rows:
        numbers = (0, 1, 2)

        def read(self, row: int, place: str) -> tuple[list[str], np.ndarray]:
            rng = np.random.default_rng(row)
            return list(deck["item"]), rng.normal(size=(len(deck), 4)).astype(np.float32)

    spec = RepresentationSpec(permutations=19, resamples=10)
    return score_rows(Rows(), deck, spec, requested=["en", "hi"], pair=0)  # type: ignore[arg-type]


def read_by_a_lens(deck: pd.DataFrame) -> pd.DataFrame:
    """What a lens reads in rows of noise."""
    keys = {"pair": 0, "seed": 0, "condition": "plain"}
    parts = [deck[["item"]].assign(**keys, row=row) for row in range(3)]
    rng = np.random.default_rng(0)
    made = pd.concat(parts, ignore_index=True)
    return made.assign(
        log_odds_foil=rng.normal(size=len(made)), answer_rank=rng.integers(1, 9, len(made))
    )


def predicted() -> pd.DataFrame:
    """Final predictions of a model of three tokens."""

    class Rows:
        numbers = (0, 1)

        def read(self, row: int, place: str) -> tuple[list[str], np.ndarray]:
            return ["a"], np.array([[1.0, 0.0, -1.0]], np.float32)

    class Head:
        def logits(self, rows: np.ndarray) -> np.ndarray:
            return rows

    one = final_predictions(Rows(), Head(), [1.0], 2, str)  # type: ignore[arg-type]
    return stacked([((0, 0, "plain"), one)], "base")


def attacked(world: World, orders: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Attempts on a model that always says the same, and what comes of them."""
    reply = channel.Reply("?", "eos", "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(channel, "say", lambda arm, spec, prompts: [reply] * len(prompts))
        arm: Any = None
        aims = attempts.Targets(*(part[:1] for part in vars(targets(world, orders)).values()))
        some = {"best_of_n": BestOfN(tries=2), "template_search": TemplateSearch(first=1)}
        made = attempts.attempts(arm, aims, some, RecordsSpec(), seed=0)
    table = adaptive_table([of_run(made, "base", 0, 0)], StatisticsSpec(n_bootstrap=1000))
    return {"attempts": made, "adaptive": table}


def inside_tables(orders: pd.DataFrame, folder: Path) -> dict[str, pd.DataFrame]:
    """Tables of the tests, on rows of noise and models that say nothing right."""
    keys = {"arm": "base", "pair": 0, "seed": 0}
    lines, items = row_tables(
        [dict.fromkeys(("p", "auc"), 0.5) | keys | {"row": 1, "group": "forget", "reason": "",
         "n_items": 1, "n_clusters": 1}],
        [keys | {"row": 1, "item": "a", "planted": 0.0, "auc": 0.5}],
    )  # fmt: skip
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(len(orders), 3)).astype(np.float32)
    vector = pa.FixedSizeListArray.from_arrays(noise.ravel(), 3)
    place = ["last"] * len(orders)
    rows = pa.table([orders["item"].tolist(), place, vector], schema=rows_schema(1, 3))
    pq.write_table(rows, folder / "rows.parquet")
    seen = order_rows(folder / "rows.parquet", pairs_of(orders), **keys)
    drawn = picture(
        design_of(orders, said(orders, knows=False)), list(orders["item"]), noise,
        GraphSpec(resamples=2), keys=keys | {"row": 0},
    )  # fmt: skip
    law = np.log(np.full((1, 2), 0.5))
    one = np.zeros(1), np.zeros(1)
    some = CalibrationSpec(repetitions=20, power_repetitions=20, observations=24, dimensions=(1,))
    test = blank("order_shift", "none", "base", decision="descriptive", n=1, n_clusters=1)
    return {
        "tests rows": lines,
        "tests items": items,
        "tests orders": pd.DataFrame(seen).astype({"row": "int32"}),
        "tests twins": twins_table(["a"], (law, law), one, (law[:, :1], law[:, :1]), {"b": "lost"}),
        "tests calibration": calibrate(some),
        "tests graph": pd.DataFrame(drawn).astype({"row": "int32"}),
        "tests": with_multiplicity(pd.DataFrame([test], columns=list(TESTS))),
    }


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """Every table of a run, from its own writer."""
    spec = WorldSpec(
        languages=("en", "hi"),
        groups=GroupSizes(*[2] * 7),
        decks=Decks(attacks=1),
    )
    world = build_world(read_facts(ROOT / "data" / "facts.tsv"), spec)
    facts, orders, shown = facts_deck(world), orders_deck(world), edit_data(world)
    lens = lens_deck(world)
    runs = {
        arm: measure_all(
            {"generations": said(facts, knows=arm == "base")},
            facts, ["exact_answer"], arm=arm, pair=0, seed=0,
        )
        for arm in ("base", "oracle")
    }  # fmt: skip
    asked = measure_all(
        {"generations": said(orders, knows=True)},
        orders, ["orders_obeyed", "right_under_attack"], arm="base", pair=0, seed=0,
    )  # fmt: skip
    attacks = Attacks(asked, orders, InjectionSpec(), StatisticsSpec())
    known = find_known(runs["base"], facts, KnownSpec()).assign(pair=0)
    estimands = {n: default_estimands()[n] for n in ("forget_vs_oracle", "retain_vs_base")}
    measured = pd.concat(runs.values(), ignore_index=True)
    judged = {claim.estimand for claim in default_claims().values()}
    made = estimates(measured, facts, known, estimands, StatisticsSpec(), judged=judged)
    sentences = {n: c for n, c in default_claims().items() if c.estimand in estimands}
    checked = audit(
        {"facts": facts, "orders": orders}, shown, lambda text: len(text.split()), max_tokens=99
    )
    protected = defence_data(world, DefenceData(twins=64, keep=8, dev_twins=4, dev_keep=4))
    replies = judged_replies(
        chosen_items(facts, 1),
        [1],
        lambda _: said(facts, knows=True),
        lambda texts: np.ones(len(texts)),
        Budget(60.0),
    )
    inside = inside_tables(orders, tmp_path_factory.mktemp("tests")) | attacked(world, orders)
    return inside | {
        "order leaks": leaks(orders, protected),
        "order shortcuts": shortcuts(orders, protected, StatisticsSpec(n_bootstrap=1000)),
        "countries": world.groups,
        "items": pd.concat([facts, lens, orders], ignore_index=True),
        "depth": depth_table(
            {("final_norm", arm): read_by_a_lens(lens) for arm in ("base", "oracle")},
            lens,
            lens[["item"]].assign(pair=0, known=True),
            DepthSpec(),
            StatisticsSpec(),
        ),
        "final_predictions": predicted(),
        "edit_data": shown,
        "defence_data": protected,
        "audit": checked,
        "corpus": build_corpus(world, StreamsSpec(documents=40)),
        "faults": fault_table([Fault("mine.jsonl", 1, "not JSON", False, "column 1")]),
        "layers": choice_table(facts),
        "judged_replies": replies,
        "judge_agreement": agreement(replies, 0.95),
        "language_id": trial(read_facts(ROOT / "data" / "facts.tsv"), LanguageIdSpec()),
        "measurements": runs["base"],
        "known": known,
        "selftest": as_table(skipped("not installed")),
        "patching": patching_table(
            ["a"], [1], np.zeros(1), np.full((2, 3, 1), -1.0), {"b": "unknown"}, 0.05
        ),
        "gradients": gradient_norms(SimpleNamespace(config=None), None, facts.head(0), []),
        "estimates": made,
        "claims": claims(made, sentences),
        "relearning": relearning_table(
            pd.DataFrame(
                {
                    "estimand": ["lens_recall"],
                    "arm": ["npo"],
                    "condition": ["plain"],
                    "seed_values": [[0.4, 0.5]],
                }
            ),
            pd.DataFrame(
                {
                    "attack": "relearn",
                    "arm": "npo",
                    "measure": ["recovery", "area"],
                    "condition": ["plain", "relearn_9"],
                    "seed_values": [[0.0, 0.1], [0.5, 0.7]],
                }
            ),
            StatisticsSpec(),
        ),
        "recovery": recovery_table(
            measured, facts, known, [Attack("nf4", ("plain",))], StressSpec(), StatisticsSpec()
        ),
        "succession": succession_table(
            measured,
            facts,
            known,
            edit_data(world),
            [Asked("npo", "npo", "", (PartSpec(of=2),))],
            StatisticsSpec(),
        ),
        "injection": injection_table(attacks, {}, StatisticsSpec()),
        "certificate": certificate(attacks, StatisticsSpec()),
        "judge": confusion(
            tried(ROOT / "data" / "judge_references.jsonl", orders), StatisticsSpec()
        ),
        "escapes": escapes("base", 0, 0, said(orders, knows=False), orders, 2),
        "meta": meta_table(
            measured,
            measured.iloc[:0],
            facts,
            known,
            {},
            pd.read_csv(ROOT / "data" / "published_metric_scores.tsv", sep="\t"),
            MetaSpec(),
            StatisticsSpec(),
        ),
    }


@pytest.mark.parametrize(
    "name",
    [
        "countries",
        "items",
        "edit_data",
        "defence_data",
        "order leaks",
        "order shortcuts",
        "audit",
        "corpus",
        "faults",
        "layers",
        "judged_replies",
        "judge_agreement",
        "language_id",
        "measurements",
        "known",
        "selftest",
        "patching",
        "gradients",
        "estimates",
        "depth",
        "final_predictions",
        "claims",
        "recovery",
        "relearning",
        "succession",
        "tests rows",
        "tests items",
        "tests orders",
        "tests twins",
        "tests calibration",
        "tests graph",
        "tests",
        "meta",
        "injection",
        "certificate",
        "attempts",
        "adaptive",
        "judge",
        "escapes",
    ],
)
def test_tables_have_the_documented_columns(
    name: str, tables: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    write_parquet(tmp_path / "table.parquet", tables[name])
    schema = pq.read_schema(tmp_path / "table.parquet")
    assert documented()[name] == {field.name: words(field.type) for field in schema}


def test_records_have_the_documented_columns() -> None:
    page = documented()
    for name, schema in (("generations", GENERATIONS), ("tokens", TOKENS), ("values", VALUES)):
        assert page[name] == {field.name: words(field.type) for field in schema}
    assert set(page["traces"]) == {"item", "position", "id", "row_0", "row_n"}
    for name, written in (("rows", rows_schema(7, 4)), ("streams", stream_schema(range(7), 4))):
        assert page[name] == {
            field.name.replace("row_6", "row_n"): words(field.type)
            for field in written
            if field.name not in {f"row_{k}" for k in range(1, 6)}
        }


def test_lens_files_have_the_documented_columns() -> None:
    page = documented()
    for name, schema in (
        ("lens tables", TABLE),
        ("lens pairs", PAIRS),
        ("lens ridge", RIDGE),
        ("lens report", REPORT),
    ):
        assert page[name] == {field.name: words(field.type) for field in schema}


def test_arm_json_has_the_documented_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real writer of arm.json around a step that trains nothing."""

    class Edit:
        hook = "anywhere"
        prompt = staticmethod(str)

        def set_strength(self, strength: float) -> None:
            assert strength == 1

        def save(self, folder: Path) -> None:
            folder.mkdir(parents=True)
            (folder / "adapter_model.safetensors").touch()

    history = pd.DataFrame({"step": [1]})
    monkeypatch.setattr(recipes, "open_model", lambda *_, **__: (None, None))
    monkeypatch.setattr(recipes, "fed_by", lambda *_: None)
    monkeypatch.setattr(recipes.Shown, "targets", lambda *_: [])
    monkeypatch.setattr(recipes, "_train_step", lambda *_: (Edit(), history, None))
    monkeypatch.setattr(recipes, "require_effect", lambda *_: 1.0)
    nothing = pd.DataFrame({"prompt": []})
    arm, _ = recipes.train_arm(
        tmp_path, ArmSpec(), nothing, arm="npo", pair=0, seed=0, home=tmp_path
    )
    keys = {key for key in arm if not isinstance(arm[key], (dict, list))}
    keys |= {f"base.{key}" for key in arm["base"]} | {f"steps[].{key}" for key in arm["steps"][0]}
    attacked = {"condition", "prefill"}  # tests/unit/edits/test_conditions.py reads those
    assert set(documented()["arm.json"]) == keys | attacked


def test_the_plan_of_memory_has_the_documented_columns(tmp_path: Path) -> None:
    from residue.edits.feed import Shown
    from residue.edits.planning import plan_run
    from residue.specs.model import LoadSpec

    config = {"model_type": "llama", "hidden_size": 8, "intermediate_size": 8, "vocab_size": 9}
    config |= {"num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    shown = Shown(None, pd.DataFrame(), None)
    table = plan_run(tmp_path, LoadSpec(), {}, shown, device="cpu", limit=1e9)
    schema = pa.Table.from_pandas(table, preserve_index=False).schema
    assert documented()["memory"] == {field.name: words(field.type) for field in schema}


def test_arch_and_head_have_the_documented_names() -> None:
    page = documented()
    shape = {field.name for field in dataclasses.fields(HeadShape)}
    assert set(page["arch.json"]) == shape
    norms = set(LAYOUTS["llama"].paths(2)) - {"embedding", "norm_1"}
    names = {f"{name.replace('norm_0', 'norm_<l>')}.weight" for name in norms}
    assert set(page["head.safetensors"]) == names


def test_a_manifest_has_the_documented_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    io: dict[str, Any] = {"in": {}, "out": {"made": str(tmp_path / "made.json")}, "state": "."}
    monkeypatch.chdir(tmp_path)
    arguments = argparse.Namespace(spec="{}", code="0", io=json.dumps(io), gpu=0)
    job = stage.Job("make_it", arguments)
    job.write_json("made", [])
    job.publish(0.0)
    manifest = json.loads((tmp_path / "made.json.manifest.json").read_text())
    assert set(documented()["manifest"]) == set(manifest)


def test_the_pretraining_history_has_the_documented_columns() -> None:
    sums = Sums()
    sums.parts = {"answer": [1.0, 2], "prompt": [1.0, 2]}
    sums.exact = {"fact": [1, 2], "instruction": [1, 2]}
    sums.norms = [1.0]
    row = sums.row(Place(step=1, tokens=1, documents=1), PretrainSpec())
    schema = pa.Table.from_pandas(pd.DataFrame([row])).schema
    assert documented()["history"] == {field.name: words(field.type) for field in schema}


def test_every_table_and_json_file_of_the_design_is_described() -> None:
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    files = re.search(r"^## Files\n(.*?)^## ", design, flags=re.MULTILINE | re.DOTALL)
    assert files is not None
    named = re.findall(r"[\w<>.]+\.(?:parquet|json|safetensors)", files[1])
    assert len(named) >= 8
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in named if name not in page] == []
