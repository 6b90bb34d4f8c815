"""The order of Python's sets differs between processes; no file that a stage writes shows it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from residue.core import provenance
from residue.specs.default_claims import default_claims
from residue.specs.default_estimands import default_estimands
from residue.specs.plan import Plan, read_config

ROOT = Path(__file__).resolve().parents[2]
ARMS = ("base", "oracle", "npo")
SCRIPTS = ROOT / "workflow_scripts"
FACTS = str(ROOT / "data" / "facts.tsv")
OUTPUTS = {
    "build_decks": {"countries": "countries.parquet", "facts_deck": "decks/facts.parquet",
                    "lens_deck": "decks/lens.parquet", "orders_deck": "decks/orders.parquet"},
    "build_edit_data": {"edit_data": "edit_data.parquet"},
    "build_defence_data": {"defence_data": "defence_data.parquet"},
    "train_tokenizer": {"tokenizer": "tokenizer.json", "config": "tokenizer_config.json"},
    "audit_world": {"audit": "audit.parquet"},
    "audit_orders": {"leaks": "order_leaks.parquet", "shortcuts": "order_shortcuts.parquet"},
    "estimate": {"estimates": "estimates.parquet"},
    "decide_claims": {"claims": "claims.parquet", "markdown": "claims.md", "latex": "claims.tex"},
    "estimate_depth": {"depth": "depth.parquet"},
    "draw_depth": {"figure": "depth_final_norm.svg"},
    "draw_figures": {"tradeoff": "tradeoff.svg", "by_language": "by_language.svg",
                     "first_rows": "first_rows.svg"},
    "write_page": {"page": "report/index.html"},
}  # fmt: skip
"""Stages that need no model, in the order of the graph."""
TOLD = re.compile(rb'<section id="(setting|checklist)".*?</section>', re.DOTALL)
MEASURED = """
from pathlib import Path
import numpy as np, pandas as pd
from residue.core.artifacts import read_parquet, write_parquet
items = read_parquet("decks/facts.parquet")
rng = np.random.default_rng(0)
for arm, rate in (("base", 0.9), ("oracle", 0.1), ("npo", 0.3)):
    table = pd.DataFrame({"metric": "exact_answer", "arm": arm, "pair": 0, "seed": 0,
        "condition": "plain", "item": items["item"], "row": pd.NA, "weight": 1.0, "status": "ok",
        "reason": "", "value": (rng.random(len(items)) < rate).astype(float)})
    depth = table.assign(metric="first_rank_row", value=rng.integers(1, 4, len(items)) * 1.0)
    write_parquet(f"{arm}.parquet", pd.concat([table, depth]))
    some = read_parquet("decks/lens.parquet").head(200)
    lens = pd.concat(some[["item"]].assign(pair=0, seed=0, condition="plain", row=row)
        for row in range(3))
    lens["log_odds_foil"] = rng.normal(size=len(lens))
    lens["answer_rank"] = rng.integers(1, 4, len(lens))
    Path("final_norm").mkdir(exist_ok=True)
    write_parquet(f"final_norm/{arm}.parquet", lens)
write_parquet("known.parquet", items[["item"]].assign(pair=0, known=True))
"""


def inputs(stage: str) -> dict[str, object]:
    measured = [f"{arm}.parquet" for arm in ARMS]
    decks = ["decks/facts.parquet", "decks/lens.parquet", "decks/orders.parquet"]
    figures = [*OUTPUTS["draw_figures"].values(), "depth_final_norm.svg"]
    tables = {"estimates": "estimates.parquet", "countries": "countries.parquet",
              "audit": "audit.parquet", "claims": "claims.parquet"}  # fmt: skip
    given: dict[str, dict[str, object]] = {
        "audit_world": {"decks": decks, "edit_data": "edit_data.parquet",
                        "tokenizer": ["tokenizer.json", "tokenizer_config.json"]},
        "audit_orders": {"deck": "decks/orders.parquet", "defence_data": "defence_data.parquet"},
        "estimate": {"measurements": measured, "decks": decks, "known": ["known.parquet"]},
        "decide_claims": {"estimates": "estimates.parquet"},
        "draw_figures": {"estimates": "estimates.parquet", "measurements": measured,
                         "deck": "decks/facts.parquet"},
        "estimate_depth": {"tables": [f"final_norm/{arm}.parquet" for arm in ARMS],
                           "deck": "decks/lens.parquet", "known": ["known.parquet"]},
        "draw_depth": {"depth": "depth.parquet"},
        "write_page": {**tables, "figures": figures, "arch": "arch.json",
                       "depth": "depth.parquet"},
    }  # fmt: skip
    return given.get(stage, {"facts": FACTS})


def spec(plan: Plan) -> str:
    """Every slice that one of the stages asks for."""
    estimands = {n: s for n, s in default_estimands().items() if s.metric == "exact_answer"}
    claims = [name for name, s in default_claims().items() if s.estimand in estimands]
    slices = {name: plan.section(name) for name in ("world", "statistics", "report")}
    for section, kept in (("estimands", estimands), ("claims", claims)):
        slices[section] = [each for each in plan.listed(section) if each["name"] in kept]
    more = {
        "margins": plan.margins(),
        "requested": plan.requested(),
        "source": "embedded",
        "own": False,
        "depth": plan.compared(),
        "judged": plan.judged(),
        "headlines": [],
        "defences": plan.defences(),
        "order_items": plan.section("orders")["items"],
        "defence": plan.section("orders")["defence"],
    }
    return provenance.canonical(slices | more | {"wildcards": {"lens": "final_norm"}})


def run_all(folder: Path, hash_seed: str) -> dict[str, bytes]:
    """Run the stages in a folder; the bytes of what they wrote, by name."""
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "RAYON_NUM_THREADS": "2"}
    arch = {"model_type": "llama", "n_blocks": 1, "width": 8, "vocabulary": 64}
    (folder / "arch.json").write_text(json.dumps(arch))
    plan = read_config({})
    for stage, outputs in OUTPUTS.items():
        if stage == "estimate":
            subprocess.run([sys.executable, "-c", MEASURED], cwd=folder, check=True)
        script = SCRIPTS / f"{stage}.py"
        io = {"in": inputs(stage), "out": outputs, "state": "state"}
        done = subprocess.run(
            [sys.executable, str(script), "--spec", spec(plan), "--io", json.dumps(io),
             "--code", provenance.code_digest(script)],
            cwd=folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    names = [name for outputs in OUTPUTS.values() for name in outputs.values()]
    # The page quotes manifests, which tell times.
    return {name: TOLD.sub(b"", (folder / name).read_bytes()) for name in names}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, bytes]]:
    return [run_all(tmp_path_factory.mktemp(f"hash{seed}"), seed) for seed in ("0", "1")]


def test_every_file_is_the_same_whatever_the_hash_seed(made: list[dict[str, bytes]]) -> None:
    one, two = made
    differ = [name for name in one if one[name] != two[name]]
    assert not differ


def test_the_seed_does_turn_the_order_of_sets() -> None:
    code = "print(list({'forget', 'retain', 'dev', 'never_seen', 'touched', 'untouched'}))"
    orders = {
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True, check=True,
        ).stdout
        for seed in ("0", "1")
    }  # fmt: skip
    assert len(orders) == 2
