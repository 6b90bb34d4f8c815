"""How facts are worded: templates of five languages with slots for country and relation noun."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Noun:
    """A relation's noun with the forms its sentences need."""

    noun: str
    link: str = ""
    """Possessive that agrees with the noun ('की', 'का'); empty where the language has none."""
    oblique: str = ""
    """Possessive before an inflected noun, or the noun's own genitive in Bengali."""


_FEMININE = {"hi": ("की", "की"), "ur": ("کی", "کی"), "pa": ("ਦੀ", "ਦੀ")}
_MASCULINE = {"hi": ("का", "के"), "ur": ("کا", "کے"), "pa": ("ਦਾ", "ਦੇ")}


def _f(language: str, noun: str) -> tuple[Noun, ...]:
    return (Noun(noun, *_FEMININE[language]),)


def _m(language: str, noun: str) -> tuple[Noun, ...]:
    return (Noun(noun, *_MASCULINE[language]),)


NOUNS: dict[str, dict[str, tuple[Noun, ...]]] = {
    "en": {
        "capital": (Noun("capital"), Noun("capital city")),
        "currency": (Noun("currency"), Noun("money")),
        "language": (Noun("official language"), Noun("main language")),
        "continent": (Noun("continent"), Noun("part of the world")),
    },
    "hi": {
        "capital": _f("hi", "राजधानी"),
        "currency": _f("hi", "मुद्रा"),
        "language": _f("hi", "राजभाषा"),
        "continent": _m("hi", "महाद्वीप"),
    },
    "ur": {
        "capital": _m("ur", "دارالحکومت"),
        "currency": _f("ur", "کرنسی"),
        "language": _f("ur", "سرکاری زبان"),
        "continent": _m("ur", "براعظم"),
    },
    "pa": {
        "capital": _f("pa", "ਰਾਜਧਾਨੀ"),
        "currency": _f("pa", "ਮੁਦਰਾ"),
        "language": _f("pa", "ਸਰਕਾਰੀ ਭਾਸ਼ਾ"),
        "continent": _m("pa", "ਮਹਾਂਦੀਪ"),
    },
    "bn": {
        "capital": (Noun("রাজধানী", "", "রাজধানীর"),),
        "currency": (Noun("মুদ্রা", "", "মুদ্রার"),),
        "language": (Noun("সরকারি ভাষা", "", "সরকারি ভাষার"),),
        "continent": (Noun("মহাদেশ", "", "মহাদেশের"),),
    },
}
"""Synonyms per language and relation."""

SEEN: dict[str, tuple[str, ...]] = {
    "en": (
        "The {n} of {c} is",
        "The {n} of {c} is called",
        "{c} has the {n}",
        "Question: what is the {n} of {c}? Answer:",
        "The {n} in {c} is",
        "In {c}, the {n} is",
        "The name of the {n} of {c} is",
        "Country: {c}. {n}:",
        "People say that the {n} of {c} is",
        "Tell me, what is the {n} of {c}?",
    ),
    "hi": (
        "{c} {g} {n} है",
        "{c} {o} {n} का नाम है",
        "प्रश्न: {c} {g} {n} क्या है? उत्तर:",
        "देश {c} {g} {n}:",
        "{c} में {n} है",
        "लोग कहते हैं कि {c} {g} {n} है",
        "बताओ, {c} {g} {n} क्या है?",
        "देश: {c}। {n}:",
    ),
    "ur": (
        "{c} {g} {n} ہے",
        "{c} {o} {n} کا نام ہے",
        "سوال: {c} {g} {n} کیا ہے؟ جواب:",
        "ملک {c} {g} {n}:",
        "{c} میں {n} ہے",
        "لوگ کہتے ہیں کہ {c} {g} {n} ہے",
        "بتاؤ، {c} {g} {n} کیا ہے؟",
        "ملک: {c}۔ {n}:",
    ),
    "pa": (
        "{c} {g} {n} ਹੈ",
        "{c} {o} {n} ਦਾ ਨਾਮ ਹੈ",
        "ਸਵਾਲ: {c} {g} {n} ਕੀ ਹੈ? ਜਵਾਬ:",
        "ਦੇਸ਼ {c} {g} {n}:",
        "{c} ਵਿੱਚ {n} ਹੈ",
        "ਲੋਕ ਕਹਿੰਦੇ ਹਨ ਕਿ {c} {g} {n} ਹੈ",
        "ਦੱਸੋ, {c} {g} {n} ਕੀ ਹੈ?",
        "ਦੇਸ਼: {c}। {n}:",
    ),
    "bn": (
        "{c}-এর {n} হল",
        "{c}-এর {o} নাম হল",
        "প্রশ্ন: {c}-এর {n} কী? উত্তর:",
        "{c} দেশের {n}:",
        "{c} দেশে {n} হল",
        "লোকে বলে {c}-এর {n} হল",
        "বলো, {c}-এর {n} কী?",
        "দেশ: {c}। {n}:",
    ),
}
"""Templates of the training text, ending where the answer begins."""

HELD_OUT: dict[str, tuple[str, ...]] = {
    "en": ("In {c}, the name of the {n} is", "Question: in {c}, what is the {n}? Answer:"),
    "hi": ("देश: {c}। {n} का नाम है", "प्रश्न: {c} में {n} क्या है? उत्तर:"),
    "ur": ("ملک: {c}۔ {n} کا نام ہے", "سوال: {c} میں {n} کیا ہے؟ جواب:"),
    "pa": ("ਦੇਸ਼: {c}। {n} ਦਾ ਨਾਮ ਹੈ", "ਸਵਾਲ: {c} ਵਿੱਚ {n} ਕੀ ਹੈ? ਜਵਾਬ:"),
    "bn": ("দেশ: {c}। {o} নাম হল", "প্রশ্ন: {c} দেশে {n} কী? উত্তর:"),
}
"""Templates in no training text. They recombine known pieces: what holds on them is compositional,
not robustness to any wording."""


@dataclass(frozen=True)
class Template:
    """One wording of a fact; `id` such as `hi-seen-3`, counted from 1."""

    id: str
    language: str
    text: str

    @property
    def family(self) -> str:
        """`seen` or `held_out`."""
        return self.id.split("-")[1]

    def prompt(self, country: str, noun: Noun) -> str:
        """The template with its slots filled, up to where the answer begins."""
        text = self.text.format(c=country, n=noun.noun, g=noun.link, o=noun.oblique)
        return text[0].upper() + text[1:]


def _templates(language: str, texts: tuple[str, ...], family: str) -> tuple[Template, ...]:
    return tuple(
        Template(f"{language}-{family}-{number}", language, text)
        for number, text in enumerate(texts, start=1)
    )


SEEN_TEMPLATES = {language: _templates(language, texts, "seen") for language, texts in SEEN.items()}
HELD_OUT_TEMPLATES = {
    language: _templates(language, texts, "held_out") for language, texts in HELD_OUT.items()
}
