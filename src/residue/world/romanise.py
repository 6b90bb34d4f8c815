"""Hindi in Latin letters, as people type it: a plain spelling of Devanagari, and common variants.

One table of letters, the inherent vowel where it is spoken: dropped at the end of a word and
between a vowel and a consonant with its own vowel (Ohala 1983, "schwa deletion"), so राजधानी is
rajdhani. Not a standard such as ISO 15919: those are not what an answer in disguise looks like.
"""

from __future__ import annotations

import unicodedata

CONSONANTS = dict(
    zip(
        "कखगघङचछजझञटठडढणतथदधनपफबभमयरलवशषसह",
        [
            "k",
            "kh",
            "g",
            "gh",
            "n",
            "ch",
            "chh",
            "j",
            "jh",
            "n",
            "t",
            "th",
            "d",
            "dh",
            "n",
            "t",
            "th",
            "d",
            "dh",
            "n",
            "p",
            "ph",
            "b",
            "bh",
            "m",
            "y",
            "r",
            "l",
            "v",
            "sh",
            "sh",
            "s",
            "h",
        ],
        strict=True,
    )
)
NUKTA = {"क": "q", "ख": "kh", "ग": "g", "ज": "z", "ड": "r", "ढ": "rh", "फ": "f", "य": "y"}
VOWELS = dict(
    zip(
        "अआइईउऊऋएऐओऔऑऍ",
        ["a", "a", "i", "i", "u", "u", "ri", "e", "ai", "o", "au", "o", "e"],
        strict=True,
    )
)
SIGNS = dict(
    zip("ािीुूृेैोौॉॅ", ["a", "i", "i", "u", "u", "ri", "e", "ai", "o", "au", "o", "e"], strict=True)
)
VIRAMA, DOT, NASALS = "्", "़", "ंँ"
SILENT = "ः\u200c\u200d"
DIGITS = {chr(0x966 + digit): str(digit) for digit in range(10)}
STOPS = {"।": ".", "॥": ".", "॰": "."}
VARIANTS = (("aa", "a"), ("ee", "i"), ("oo", "u"), ("w", "v"), ("ph", "f"), ("c", "k"))
"""(typed, plain): spellings that stand for the same sounds."""


def romanise(text: str) -> str:
    """Devanagari as Latin letters; all else stays. ValueError for a Devanagari letter that the
    table lacks, so that nothing passes for romanised that is not."""
    words = unicodedata.normalize("NFD", text).split(" ")
    made = " ".join(_word(word) for word in words)
    left = [c for c in made if 0x900 <= ord(c) <= 0x97F]
    if left:
        raise ValueError(
            f"no Latin spelling for '{left[0]}' (U+{ord(left[0]):04X}) in '{text}'; add it to the "
            "table of letters"
        )
    return made


def variants(text: str) -> list[str]:
    """The plain spelling, and one for each common variant that changes it."""
    plain = romanise(text)
    made = [plain.replace(sound, typed) for typed, sound in VARIANTS]
    return list(dict.fromkeys([plain, *made]))


def _word(word: str) -> str:
    units = _units(word)
    spoken = []
    for place, (letters, vowel) in enumerate(units):
        silent = vowel == "(a)" and _silent(units, place)
        spoken.append(letters + ("" if silent else "a" if vowel == "(a)" else vowel))
    return "".join(spoken)


def _silent(units: list[tuple[str, str]], place: int) -> bool:
    """Whether an inherent vowel is not spoken: at the end of a word of several sounds, or between a
    sounded vowel and a consonant that has a vowel of its own."""
    after = units[place + 1 :]
    if not after or not after[0][0].isalpha():
        return place > 0
    before = place > 0 and units[place - 1][1] not in ("", "-")
    return before and len(units[place][0]) <= 2 and after[0][1] not in ("(a)", "", "-")


def _units(word: str) -> list[tuple[str, str]]:
    """(letters, vowel) per sound; `(a)` stands for the inherent vowel, `-` for none."""
    units: list[tuple[str, str]] = []
    for place, letter in enumerate(word):
        following = word[place + 1 : place + 2]
        if letter in CONSONANTS:
            table = NUKTA if following == DOT and letter in NUKTA else CONSONANTS
            units.append((table[letter], "(a)"))
        elif letter in SIGNS and units:
            units[-1] = (units[-1][0], SIGNS[letter])
        elif letter == VIRAMA and units:
            units[-1] = (units[-1][0], "-")
        elif letter in VOWELS:
            units.append(("", VOWELS[letter]))
        elif letter in NASALS and units:
            units[-1] = _nasal(units[-1])
        elif letter != DOT and letter not in SILENT:
            units.append((DIGITS.get(letter) or STOPS.get(letter) or letter, ""))
    return [(letters, "" if vowel == "-" else vowel) for letters, vowel in units]


def _nasal(unit: tuple[str, str]) -> tuple[str, str]:
    letters, vowel = unit
    return letters, ("a" if vowel == "(a)" else vowel) + "n"
