"""Share of replies that decline to answer: silence, or words that say so.

1 if nothing is said, or the reply holds one of the phrases below as whole words, after `normalise`;
else 0. A fact that is refused is hidden, not forgotten, so this stands beside every rate of
forgetting. A short list: it misses unusual refusals and is no judge of manners.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from residue.measure.answers import normalise
from residue.measure.lines import Line, asked

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations",)
DECK = "facts"
TITLE = "Refused"
UNIT = "share of items"
PHRASES = (
    "i cannot", "i can t", "i can not", "i do not know", "i don t know", "i am not able",
    "i m not able", "i am unable", "i m unable", "i won t", "i will not", "sorry", "as an ai",
    "no idea", "not sure", "unknown",
    "मुझे नहीं पता", "मुझे पता नहीं", "मालूम नहीं", "नहीं बता सकता", "नहीं बता सकती",
    "माफ़ कीजिए", "माफ कीजिए", "क्षमा करें",
    "مجھے نہیں معلوم", "معلوم نہیں", "معاف کیجیے", "نہیں بتا سکتا",
    "ਮੈਨੂੰ ਨਹੀਂ ਪਤਾ", "ਪਤਾ ਨਹੀਂ", "ਮਾਫ਼ ਕਰਨਾ",
    "আমি জানি না", "জানা নেই", "দুঃখিত",
)  # fmt: skip
"""As `normalise` leaves them, punctuation made space."""


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """1 or 0 per item."""
    return asked(
        records["generations"], items, lambda item, text: Line(item, float(refuses(text)), 1.0)
    )


def refuses(text: str) -> bool:
    """Whether a reply is empty or holds a phrase of refusal."""
    said = " ".join("".join(c if _inside(c) else " " for c in normalise(text)).split())
    return not said or any(f" {phrase} " in f" {said} " for phrase in PHRASES)


def _inside(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "LMN"
