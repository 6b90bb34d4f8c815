"""Scripts by their letters, romanised Hindi, the letter model, the votes and the trial of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from residue.core.artifacts import write_json, write_parquet
from residue.measure.language_id.files import as_json, read_identifier
from residue.measure.language_id.identify import Identifier
from residue.measure.language_id.letters import script_of, shares
from residue.measure.language_id.ngrams import NgramModel, train
from residue.measure.language_id.trial import fit, trial
from residue.specs.fields import SpecError
from residue.specs.measures import LanguageIdSpec
from residue.world.facts import Facts, read_facts
from residue.world.romanise import romanise, variants

SPEC = LanguageIdSpec()


@pytest.fixture(scope="module")
def facts() -> Facts:
    return read_facts(Path(__file__).resolve().parents[4] / "data" / "facts.tsv")


@pytest.fixture(scope="module")
def model(facts: Facts) -> NgramModel:
    return fit(facts, facts.countries)


def test_the_danda_and_digits_are_of_no_script() -> None:
    """The full stop of Bengali and Punjabi is a Devanagari code point."""
    assert shares("ਦਿੱਲੀ ਵੱਡਾ ਸ਼ਹਿਰ ਹੈ।") == {"gurmukhi": 1.0}
    assert shares("ঢাকা একটি শহর॥ ১২") == {"bengali": 1.0}
    assert shares("। ॥ १२३ 45 -!") == {}
    assert script_of("। १२") == "none"


def test_shares_are_of_letters_and_marks() -> None:
    assert shares("ab की") == {"latin": 0.5, "devanagari": 0.5}
    assert script_of("ab की") == "mixed"
    assert script_of("abc की") == "latin"
    assert script_of("دہلی") == "arabic"
    assert script_of("Ωμέγα") == "other"
    assert script_of("é") == script_of("e\u0301") == "latin"


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("राजधानी", "rajdhani"), ("भारत", "bharat"), ("दिल्ली", "dilli"), ("नमस्ते", "namaste"),
        ("है", "hai"), ("मुझे पानी चाहिए।", "mujhe pani chahie."), ("लड़का", "larka"),
        ("ज़ाम्बिया", "zambiya"), ("कमल", "kamal"), ("प्रश्न", "prashn"), ("२०२६", "2026"),
        ("Paris में", "Paris men"),
    ],
)  # fmt: skip
def test_hindi_in_latin_letters(written: str, spoken: str) -> None:
    assert romanise(written) == spoken


def test_the_whole_table_can_be_romanised_and_nothing_is_left(facts: Facts) -> None:
    for fact in facts.rows.values():
        for spelling in variants(fact.texts.get("hi", "")):
            assert "devanagari" not in shares(spelling)
    with pytest.raises(ValueError, match="U\\+0904"):
        romanise("ऄ")


def test_letter_models_are_laws(model: NgramModel) -> None:
    """The probabilities of what may follow a context sum to 1 with one letter never seen."""
    counts = {"x": {"": {"a": 2, "b": 1}, " ": {"a": 1}}}
    small = NgramModel(counts)
    logs = [small._log_probability("x", letter) for letter in "abz"]
    edge = 1 / 3 * 0 + (0 + 2 * (1 / 3)) / (3 + 2)  # the end after a letter: order 0, not seen
    uni = {"a": (2 + 2 / 3) / 5, "b": (1 + 2 / 3) / 5, "z": (2 / 3) / 5}
    first = {"a": (1 + uni["a"]) / 2, "b": uni["b"] / 2, "z": uni["z"] / 2}
    assert sum(first.values()) == pytest.approx(1.0)
    import math

    assert [math.exp(log) for log in logs] == pytest.approx([first[c] * edge for c in "abz"])
    assert sum(model.posterior("hello").values()) == pytest.approx(1.0)
    assert model.posterior("12") == {"en": 0.5, "hi": 0.5}
    with pytest.raises(ValueError, match="no letters to learn"):
        train({"en": ["12"]})


@given(st.text(max_size=20))
def test_any_text_has_an_answer(text: str) -> None:
    found = Identifier(train({"en": ["the of"], "hi": ["hai ka"]}), {}, SPEC).identify(text)
    assert found.language in ("en", "hi", "ur", "pa", "bn", "und")
    assert not found.probability or sum(found.probability.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("mujhe paani chahiye", "hi"),
        ("kya, hai.", "hi"),
        ("yeh bahut accha hai", "hi"),
        ("The weather is nice today", "en"),
        ("मुझे नहीं पता", "hi"),
        ("আমি জানি না।", "bn"),
        ("ਪਤਾ ਨਹੀਂ।", "pa"),
        ("معلوم نہیں", "ur"),
        ("12 34", "und"),
        ("", "und"),
    ],
)
def test_everyday_language_is_found(model: NgramModel, text: str, language: str) -> None:
    found = Identifier(model, {}, SPEC).identify(text)
    assert found.language == language
    assert set(found.votes) == {"script", "letters"}


def test_voters_abstain_where_they_cannot_tell(model: NgramModel) -> None:
    identifier = Identifier(model, {}, SPEC)
    assert identifier.identify("Vienna is").votes["script"] == "und"
    assert identifier.identify("दिल्ली").votes == {"script": "hi", "letters": "und"}
    alone = Identifier(model, {}, LanguageIdSpec(voters=("script",)))
    assert alone.identify("The weather").language == "und"


def test_the_trial_says_what_can_be_told(facts: Facts) -> None:
    table = trial(facts, SPEC).set_index(["language", "script", "unit"])
    assert table.loc[("hi", "latin", "fact"), "usable"]
    assert table.loc[("hi", "latin", "everyday"), "error"] <= 0.1
    assert table.loc[("en", "latin", "everyday"), "error"] <= 0.1
    # Names are spelled alike in both languages: the trial must not hide it.
    assert not table.loc[("hi", "latin", "name"), "usable"]
    own = table[table.index.get_level_values("script") != "latin"]
    assert len(own) == 9
    assert (own["error"] == 0.0).all()
    assert (table["error"] == (table["n_wrong"] + table["n_abstained"]) / table["n"]).all()


def test_a_useless_identifier_stops_the_metric(model: NgramModel) -> None:
    errors = {("hi", "latin", "fact"): 0.5, ("en", "latin", "fact"): 0.0}
    identifier = Identifier(model, errors, SPEC)
    assert "misses 50 % of facts in hi, latin letters" in identifier.fault("a b c d")
    assert "not tried" in identifier.fault("Vienna")  # names were not tried
    assert "not tried on mixed" in identifier.fault("ab की")
    assert "nothing with letters" in identifier.fault("12")
    fine = Identifier(model, errors | {("hi", "latin", "fact"): 0.1}, SPEC)
    assert fine.fault("a b c d") == ""


def test_it_comes_back_from_its_files(model: NgramModel, facts: Facts, tmp_path: Path) -> None:
    spec = LanguageIdSpec(abstain_below=0.6)
    write_json(tmp_path / "model.json", as_json(model, spec))
    write_parquet(tmp_path / "errors.parquet", trial(facts, spec))
    held = read_identifier(tmp_path / "model.json", tmp_path / "errors.parquet")
    assert held.spec == spec
    assert held.model.posterior("pani chahie") == model.posterior("pani chahie")
    assert held.fault("दिल्ली") == ""
    assert "names" in held.fault("viena")


def test_a_missing_voter_is_named(model: NgramModel, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    identifier = Identifier(model, {}, LanguageIdSpec(voters=("py3langid",)))
    with pytest.raises(ImportError, match="pip install 'residue\\[langid\\]'"):
        identifier.identify("hello")


def test_py3langid_votes_beside_the_others(model: NgramModel) -> None:
    """A stand-in with py3langid's interface: it must be averaged, and strangers called other."""

    class Ranked:
        def rank(self, text: str) -> list[tuple[str, float]]:
            return [("hi", 0.5), ("mr", 0.5)]

    identifier = Identifier(model, {}, LanguageIdSpec(voters=("script", "py3langid")))
    identifier.__dict__["langid"] = Ranked()
    found = identifier.identify("दिल्ली")
    assert found.probability == pytest.approx({"hi": 0.75, "other": 0.25})
    assert found.votes == {"script": "hi", "py3langid": "und"}


def test_settings_that_cannot_work_are_refused() -> None:
    for wrong in ({"voters": ()}, {"abstain_below": 0.0}, {"largest_error": 1.0}):
        with pytest.raises(SpecError, match=next(iter(wrong))):
            LanguageIdSpec(**wrong)  # type: ignore[arg-type]
