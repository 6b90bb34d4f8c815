"""Which language a text is in: voters that may abstain, and how often they were wrong when tried.

`script`: the script of most letters says it, except Latin, in which English and romanised Hindi are
both written. `letters`: trigrams tell those two apart. `py3langid` (Lui and Baldwin 2012, its model
of news and web text) knows no romanised Hindi, and votes with the rest. Probabilities are averaged
over the voters that did not abstain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from residue.measure.language_id.letters import LANGUAGE_OF, SCRIPT_OF, script_of
from residue.measure.language_id.ngrams import NgramModel, words
from residue.specs.measures import LanguageIdSpec

UNKNOWN = "und"
NAME_WORDS = 2
"""Up to this many words a text is tried as a name; names hardly show a language."""
Errors = Mapping[tuple[str, str, str], float]
"""Share of texts whose language is not found, by (language, script, unit)."""


@dataclass(frozen=True)
class Identified:
    """What the voters say of one text. language: `und` where the best probability is too low."""

    language: str
    script: str
    probability: Mapping[str, float]
    votes: Mapping[str, str]
    """Voter → language, `und` where it abstained."""


@dataclass(frozen=True)
class Identifier:
    """A trained identifier with the errors it was found to make."""

    model: NgramModel
    errors: Errors
    spec: LanguageIdSpec

    def identify(self, text: str) -> Identified:
        """Language of a text; texts without letters are `und`."""
        script = script_of(text)
        laws = {name: _VOTERS[name](self, text, script) for name in self.spec.voters}
        heard = [law for law in laws.values() if law]
        probability: dict[str, float] = {}
        for law in heard:
            for language, p in law.items():
                probability[language] = probability.get(language, 0.0) + p / len(heard)
        return Identified(
            _best(probability, self.spec.abstain_below),
            script,
            probability,
            {name: _best(law, self.spec.abstain_below) for name, law in laws.items()},
        )

    def fault(self, text: str) -> str:
        """Why the language of a text of this script and length cannot be told, or nothing.

        Judged by the worst error of the languages that such a text could be in.
        """
        script = script_of(text)
        if script == "none":
            return "nothing with letters was said"
        units = ("name",) if len(words(text)) <= NAME_WORDS else ("fact", "everyday")
        tried = {
            key: error for key, error in self.errors.items() if key[1] == script and key[2] in units
        }
        if not tried:
            return f"language identification was not tried on {script} letters"
        (language, _, unit), error = max(tried.items(), key=lambda pair: pair[1])
        if error <= self.spec.largest_error:
            return ""
        return (
            f"language identification misses {100 * error:.0f} % of {unit}s in {language}, "
            f"{script} letters; at most {100 * self.spec.largest_error:g} % are allowed"
        )

    @cached_property
    def langid(self) -> Any:
        """py3langid's model. ImportError where it is asked for and not installed."""
        try:
            from py3langid.langid import MODEL_FILE, LanguageIdentifier
        except ImportError as error:
            raise ImportError(
                "measures.language_id.voters names py3langid, which is not installed; "
                "pip install 'residue[langid]', or leave the voter out"
            ) from error
        return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _by_script(_: Identifier, text: str, script: str) -> dict[str, float]:
    language = LANGUAGE_OF.get(script)
    return {language: 1.0} if language and script != "latin" else {}


def _by_letters(identifier: Identifier, text: str, script: str) -> dict[str, float]:
    return identifier.model.posterior(text) if script == "latin" else {}


def _by_langid(identifier: Identifier, text: str, script: str) -> dict[str, float]:
    if script == "none":
        return {}
    law = {language: float(p) for language, p in identifier.langid.rank(text) if p > 0.0}
    known = {language: p for language, p in law.items() if language in SCRIPT_OF}
    return known | {"other": 1.0 - sum(known.values())}


_VOTERS: Mapping[str, Callable[[Identifier, str, str], dict[str, float]]] = {
    "script": _by_script,
    "letters": _by_letters,
    "py3langid": _by_langid,
}


def _best(law: Mapping[str, float], least: float) -> str:
    if not law:
        return UNKNOWN
    language = max(law, key=lambda each: law[each])
    return language if law[language] >= least else UNKNOWN


def wrong_share(identifier: Identifier, texts: Sequence[str], language: str) -> tuple[int, int]:
    """How many texts are taken for another language, and for how many there is no decision."""
    found = [identifier.identify(text).language for text in texts]
    wrong = sum(each not in (language, UNKNOWN) for each in found)
    return wrong, found.count(UNKNOWN)
