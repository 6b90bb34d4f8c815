"""`config/ci.yaml` from facts to page: ground truth comes out, and the page is whole."""

from __future__ import annotations

import json
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.workflow.graph import copy_project, snakemake

pytestmark = pytest.mark.end_to_end
CI = ("--configfile", "config/ci.yaml")
OUT = Path("results/ci")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy_project(tmp_path_factory.mktemp("ci"))
    done = snakemake(folder, "--cores", "2", *CI)
    assert "page: " in done.stdout
    return folder


@pytest.fixture(scope="module")
def levels(project: Path) -> pd.Series:
    """Estimates without a reference, by estimand, arm and slice."""
    table = pd.read_parquet(project / OUT / "tables/estimates.parquet")
    table = table[table["reference"] == "none"]
    return table.set_index(["estimand", "arm", "slice"])["estimate"].sort_index()


def test_ground_truth_comes_out(levels: pd.Series) -> None:
    """The base knows, the oracle does not, nobody knows what nobody saw, the edit forgets."""
    assert levels["forget", "base", ""] > 0.95
    assert levels["forget", "oracle", ""] < 0.15
    for arm in ("base", "oracle", "npo"):
        assert levels["never_seen", arm, ""] < 0.2
    assert levels["retain", "base", ""] > 0.95
    assert levels["retain", "oracle", ""] > 0.9
    assert levels["forget", "npo", ""] < levels["forget", "base", ""] - 0.3


def test_no_number_stands_alone(project: Path) -> None:
    table = pd.read_parquet(project / OUT / "tables/estimates.parquet")
    made = table.dropna(subset=["estimate"])
    assert len(made) > 80
    assert ((made["low"] <= made["estimate"]) & (made["estimate"] <= made["high"])).all()
    assert (made[["n_items", "n_clusters", "n_seeds", "n_pairs"]] >= 1).all().all()
    # Under one request and world nothing may be missing without a reason.
    missing = table[table["estimate"].isna()]
    assert (missing["note"].str.len() > 0).all()


def test_claims_follow_from_their_intervals(project: Path) -> None:
    claims = pd.read_parquet(project / OUT / "tables/claims.parquet")
    assert {"forgotten", "forgets", "keeps", "no_language_leak", "not_hidden"} <= set(
        claims["claim"]
    )
    heads = claims[claims["role"] == "headline"].set_index("arm")["verdict"]
    for arm, part in claims[claims["role"] == "part"].groupby("arm"):
        assert (heads[arm] == "refuted") == (part["verdict"] == "refuted").any()
    decided = claims["verdict"] == "supported"
    assert (claims.loc[decided, "p_adjusted"] <= 0.025 * (1 + 1e-9)).all()
    claims = claims[claims["kind"].isin(["equivalent", "non_inferior", "non_superior"])]
    assert set(claims["verdict"]) <= {"supported", "refuted", "inconclusive"}
    supported = claims[claims["verdict"] == "supported"]
    below, above = supported["kind"] != "non_superior", supported["kind"] != "non_inferior"
    assert (supported["low"] >= -supported["margin"])[below].all()
    assert (supported["high"] <= supported["margin"])[above].all()
    controls = claims.set_index(["arm", "claim"])["verdict"]
    assert controls["base", "forgets"] != "supported"
    assert controls["oracle", "keeps"] != "refuted"


def test_the_base_recovers_all_and_relearning_helps(project: Path) -> None:
    table = pd.read_parquet(project / OUT / "tables/recovery.parquet")
    forget = table[table["measure"] == "forget"].set_index(["condition", "arm"])["estimate"]
    assert forget["relearn_other_12", "base"] > 0.9
    assert forget["relearn_other_12", "oracle"] < 0.3
    assert forget["relearn_other_12", "npo"] > forget["plain", "npo"]
    assert set(table["measure"]) == {"forget", "retain", "recovery", "area", "half"}
    folder = project / OUT / "arms/npo/pair0/seed0/conditions/nf4/nf4/model"
    assert (folder / "model.safetensors").is_file()


def test_the_adapter_loads_in_peft_unchanged(project: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(project / OUT / "models/pair0/base")
    weights = project / OUT / "arms/npo/pair0/seed0/weights/1-lora"
    model = PeftModel.from_pretrained(base, weights)
    # peft scatters what it reads over the model: read every tensor back and compare.
    from safetensors.torch import load_file

    saved = load_file(weights / "adapter_model.safetensors")
    state = model.state_dict()
    for name, tensor in saved.items():
        inside = name.replace(".weight", ".default.weight")
        assert inside in state
        assert np.array_equal(tensor.numpy(), state[inside].numpy())


def test_training_is_written_down(project: Path) -> None:
    history = pd.read_parquet(project / OUT / "arms/npo/pair0/seed0/history.parquet")
    assert {"step", "lr", "loss", "grad_norm", "forget", "retain"} <= set(history.columns)
    assert history["step"].tolist() == list(range(1, len(history) + 1))
    assert np.isfinite(history[["lr", "loss", "grad_norm"]]).all().all()
    arm = json.loads((project / OUT / "arms/npo/pair0/seed0/arm.json").read_text())
    assert arm["steps"][0]["removable"] is False


def test_the_page_is_whole_and_asks_nothing_of_a_network(project: Path) -> None:
    text = (project / OUT / "report/index.html").read_text(encoding="utf-8")

    class Links(HTMLParser):
        found: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.found += [value or "" for key, value in attrs if key in ("src", "href")]

    Links().feed(text)
    for link in Links.found:
        assert not link.startswith(("http", "//", "javascript:"))
        assert link.startswith("#") or (project / OUT / "report" / link).exists()
    assert text.count("<svg") >= 3
    assert "Instrument check" in text


def test_snakemakes_own_report_is_made_offline(project: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.zip"
    snakemake(project, "--report", str(report), *CI)
    names = zipfile.ZipFile(report).namelist()
    assert any(name.endswith("report.html") for name in names)
    assert any(name.endswith("tradeoff.svg") for name in names)


def test_records_open_in_polars_and_duckdb(project: Path) -> None:
    import duckdb
    import polars

    rows = project / OUT / "records/npo/pair0/seed1/plain/facts/rows.parquet"
    frame = polars.read_parquet(rows)
    counted = duckdb.sql(f"select count(*) from '{rows}'").fetchall()[0][0]
    assert counted == len(frame) > 100
    assert str(frame.schema["row_0"]).startswith("Array(Float32")


def test_the_ledger_counts_every_job_once(project: Path) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "residue.cli", "ledger", str(project / OUT)]
    table = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "| record | 21 |" in table
    assert "| pretrain_model | 2 |" in table


def test_a_second_run_has_nothing_to_do(project: Path) -> None:
    assert "Nothing to be done" in snakemake(project, "-n", *CI).stdout


def test_a_local_folder_serves_as_base(project: Path) -> None:
    """The embedded base, given as a folder: no pretraining, no oracle, claims say so."""
    overlay = project / "config/local.yaml"
    overlay.write_text(
        "out: results/local\n"
        f"model: {{source: local, folder: {project / OUT / 'models/pair0/base'}}}\n"
        "arms: {npo: {seeds: [0]}}\n"
    )
    done = snakemake(project, "--cores", "2", *CI, str(overlay))
    assert "pretrain_model" not in done.stdout + done.stderr
    claims = pd.read_parquet(project / "results/local/tables/claims.parquet")
    verdicts = claims.set_index(["arm", "claim"])
    assert verdicts.loc[("npo", "forgets"), "verdict"] == "inconclusive"
    assert "no oracle" in verdicts.loc[("npo", "forgets"), "reason"]
    assert verdicts.loc[("npo", "keeps"), "n_seeds"] == 1


def test_the_embedded_world_as_users_data_gives_the_same_answers(project: Path) -> None:
    """Its facts written out as JSONL, its models given as folders: the same number per item."""
    facts = pd.read_parquet(project / OUT / "world/decks/facts.parquet")
    facts = facts[facts["style"] == "plain"]
    lines: dict[str, list[dict[str, object]]] = {}
    for _, asked in facts.groupby(["country", "relation", "language"]):
        first = asked.iloc[0]
        dev = first["group"] == "dev"
        name = f"dev_{first['role']}" if dev else str(first["group"])
        line = {"q": first["prompt"], "p": asked["prompt"].tolist()[1:], "a": first["answers"][0],
                "c": first["country"], "l": first["language"]}  # fmt: skip
        lines.setdefault(name, []).append(
            line | ({"part": first["role"]} if name in ("forget", "retain") else {})
        )
    sets = {}
    for name, rows in lines.items():
        file = project / "corpora" / f"{name}.jsonl"
        file.parent.mkdir(exist_ok=True)
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        columns = {
            "question": "q",
            "paraphrase": "p",
            "answer": "a",
            "cluster": "c",
            "language": "l",
        }
        if name in ("forget", "retain"):
            columns["part"] = "part"
        sets[name] = [{"file": f"corpora/{name}.jsonl", "columns": columns}]
    models = project / OUT / "models/pair0"
    config = {
        "out": "results/own",
        "model": {
            "source": "local", "folder": f"{models}/base", "oracle_folder": f"{models}/oracle"
        },
        "data": {**sets, "requested_languages": ["en", "hi"]},
        "arms": {"npo": {"seeds": [0], "steps": [{"train": {"steps": 10}}]}},
    }  # fmt: skip
    (project / "config/own.yaml").write_text(json.dumps(config))  # JSON is YAML
    # Without `config/ci.yaml`: it names arms and worlds, and users' data have neither.
    snakemake(project, "--cores", "2", "--configfile", "config/own.yaml")
    for arm in ("base", "oracle"):
        found = []
        for out in (OUT, Path("results/own")):
            deck = pd.read_parquet(project / out / "world/decks/facts.parquet")
            file = project / out / f"measurements/{arm}/pair0/seed0/plain/facts.parquet"
            told = pd.read_parquet(file).merge(deck[deck["style"] == "plain"], on="item")
            found.append(told.set_index(["metric", "prompt", "split"])["value"].sort_index())
        assert len(found[0]) > 2000
        pd.testing.assert_series_equal(found[0], found[1], rtol=1e-4, atol=1e-6)
    claims = pd.read_parquet(project / "results/own/tables/claims.parquet")
    controls = claims.set_index(["arm", "claim"])["verdict"]
    assert controls["base", "forgets"] == "refuted"
    assert controls["oracle", "keeps"] != "refuted"
