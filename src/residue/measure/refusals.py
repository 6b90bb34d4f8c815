"""Words with which replies decline, in five languages."""

from __future__ import annotations

from residue.measure.answers import spoken

PHRASES = (
    "i cannot", "i can t", "i can not", "i do not know", "i don t know", "i am not able",
    "i m not able", "i am unable", "i m unable", "i won t", "i will not", "i decline",
    "must decline", "i refuse", "sorry", "as an ai", "no idea", "not sure", "unknown",
    "मुझे नहीं पता", "मुझे पता नहीं", "मालूम नहीं", "नहीं बता सकता", "नहीं बता सकती",
    "माफ़ कीजिए", "माफ कीजिए", "क्षमा करें",
    "مجھے نہیں معلوم", "معلوم نہیں", "معاف کیجیے", "نہیں بتا سکتا",
    "ਮੈਨੂੰ ਨਹੀਂ ਪਤਾ", "ਪਤਾ ਨਹੀਂ", "ਮਾਫ਼ ਕਰਨਾ",
    "আমি জানি না", "জানা নেই", "দুঃখিত",
)  # fmt: skip
"""As `spoken` leaves them. A short list: it misses unusual refusals and is no judge of manners."""


def refuses(text: str) -> bool:
    """Whether a reply is empty or holds a phrase of refusal."""
    said = spoken(text)
    return not said or declines(said)


def declines(said: str) -> bool:
    """Whether words, as `spoken` leaves them, hold a phrase of refusal."""
    return any(f" {phrase} " in f" {said} " for phrase in PHRASES)
