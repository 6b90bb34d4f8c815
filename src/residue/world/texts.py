"""Users' texts as they are used: cleaned of debris, cut into prompt and answer, compared."""

from __future__ import annotations

import re
import unicodedata
from typing import Any


class UnusableError(ValueError):
    """Why a line gives no item: the kind of fault, and what was found with its mend."""

    def __init__(self, kind: str, note: str) -> None:
        super().__init__(note)
        self.kind, self.note = kind, note


def normalised(text: str) -> str:
    """The text as a careless reader sees it: NFKC, no case, no punctuation, single spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = (" " if unicodedata.category(letter)[0] == "P" else letter for letter in folded)
    return " ".join("".join(kept).split())


def without_debris(text: str) -> str:
    """The text without what is left of JSON when a list of strings is cut into lines: `"text",`, or
    a quote at one end that nothing closes. Quotation marks in pairs stay."""
    text = text.strip()
    odd = text.count('"') % 2 == 1
    if text.endswith('",'):
        if text.startswith('"') and not odd:
            return text[1:-2].strip()
        return (text[:-2] if odd else text[:-1]).strip()
    if odd and text.startswith('"'):
        return text[1:].strip()
    if odd and text.endswith('"'):
        return text[:-1].strip()
    return text


def cut_text(text: str, share: float, most: int) -> tuple[str, str, int]:
    """(prompt, answer, words left out): the first `most` words, of which `share` are the prompt.

    White space inside either stays as it is. `UnusableError` for fewer than two words.
    """
    words = list(re.finditer(r"\S+", text))
    if len(words) < 2:
        raise UnusableError("text too short", "has one word, so nothing follows a prompt; lengthen")
    used = words[:most]
    split = min(max(1, round(share * len(used))), len(used) - 1)
    prompt = text[used[0].start() : used[split - 1].end()]
    return prompt, text[used[split].start() : used[-1].end()], len(words) - len(used)


def chat_turns(messages: Any, key: str) -> tuple[str, str]:
    """(all that comes before, the assistant's last message) of a list of {role, content}.

    A lone first message stands bare; more of them stand one a line as `role: text`.
    """
    if not isinstance(messages, list) or not messages:
        raise UnusableError("not a chat", f"'{key}' is no list; give [{{role, content}}, …]")
    said = [_turn(message, key) for message in messages]
    if len(said) < 2 or said[-1][0] != "assistant":
        raise UnusableError("not a chat", f"'{key}' does not end with an assistant's answer")
    *before, (_, answer) = said
    if len(before) == 1:
        return before[0][1], answer
    return "\n".join(f"{role}: {text}" for role, text in before), answer


def _turn(message: Any, key: str) -> tuple[str, str]:
    role, content = (
        (message.get("role"), message.get("content")) if isinstance(message, dict) else (None, None)
    )
    if not (isinstance(role, str) and isinstance(content, str) and content.strip()):
        raise UnusableError("not a chat", f"'{key}': every message needs a role and a text")
    return role, content.strip()
