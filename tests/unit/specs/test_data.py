"""What may be said under `data`, and the sentence for what may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from residue.specs.default_claims import default_claims
from residue.specs.fields import SpecError
from residue.specs.plan import read_config

pytestmark = pytest.mark.usefixtures("brought")


@pytest.fixture
def brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that holds what the configs below name."""
    monkeypatch.chdir(tmp_path)
    Path("model").mkdir()
    for name in ("model/config.json", "f.jsonl", "r.jsonl"):
        Path(name).write_text("{}")


SETS = {"forget": [{"file": "f.jsonl"}], "retain": [{"file": "r.jsonl"}]}
LOCAL = {"source": "local", "folder": "model"}


@pytest.mark.parametrize(
    ("data", "model", "message"),
    [
        (SETS, {}, "model.source: must be local or hub"),
        ({"forget": SETS["forget"]}, LOCAL, "data.retain: names no file"),
        ({"dev_forget": SETS["forget"]}, LOCAL, "data.forget: names no file"),
        ({"seed": 1}, LOCAL, "data.forget: names no file, so nothing under `data` is read"),
        ({**SETS, "forget": [{"file": "f", "use": "shown"}]}, LOCAL, "data.forget: is only shown"),
        ({**SETS, "retain": [{"file": "no"}]}, LOCAL, "data.retain[0].file: 'no' does not exist"),
        ({**SETS, "forget": ["f.jsonl"]}, LOCAL, "data.forget[0]: expects a section"),
        ({**SETS, "columns": {"question": "q"}}, LOCAL, "data.columns.answer: is needed"),
        ({**SETS, "columns": {"answer": "a"}}, LOCAL, "data.columns.question: is needed"),
        ({**SETS, "columns": {"text": "t", "messages": "m"}}, LOCAL, "data.columns.text: names"),
        (
            {**SETS, "columns": {"text": "t", "paraphrase": "p"}},
            LOCAL,
            "columns.paraphrase: belongs",
        ),
        ({**SETS, "columns": {"qestion": "q"}}, LOCAL, "did you mean 'question'?"),
        ({**SETS, "forget": [{"file": "f", "prompt": "Q:"}]}, LOCAL, "must hold {question}"),
        ({**SETS, "forget": [{"file": ""}]}, LOCAL, "data.forget[0].file: is empty"),
        ({**SETS, "relearn_share": 1}, LOCAL, "data.relearn_share: lies between 0 and 1"),
        ({**SETS, "text_words": 1}, LOCAL, "data.text_words: must be at least 2"),
    ],
)
def test_a_wrong_section_stops_with_key_and_mend(
    data: dict[str, Any], model: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError) as caught:
        read_config({"data": data, "model": model})
    assert message in str(caught.value)


def test_a_run_on_users_data_has_one_deck_and_no_words_of_the_embedded_world() -> None:
    own = {"claims": {"forgets": {"margin": 0.2, "margin_reason": "Ours."}}}
    plan = read_config({"data": SETS, "model": LOCAL, **own})
    assert plan.decks() == ["facts"]
    assert plan.requested() == []
    claims = plan.config.claims
    assert (claims["forgets"].margin, claims["forgets"].margin_reason) == (0.2, "Ours.")
    for claim in claims.values():
        assert "countr" not in claim.sentence + claim.margin_reason
    assert {name: claims[name].margin for name in ("keeps", "no_language_leak")} == {
        name: default_claims()[name].margin for name in ("keeps", "no_language_leak")
    }


def test_without_files_nothing_changes() -> None:
    assert read_config({}).config == read_config({"data": {}}).config
    assert not read_config({}).own_data
