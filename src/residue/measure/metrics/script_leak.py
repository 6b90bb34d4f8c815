"""Share of letters in a script of the languages to be forgotten, on questions in other languages.

On a neighbour language, where nothing of it belongs: an edit that moves a language rather than
removes it shows here. Which languages are to be forgotten is read from the items that the request
asks for; their own items have no line. Damage to the neighbour itself is `language_by_script`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from residue.measure.language_id.letters import SCRIPT_OF, shares
from residue.measure.lines import Line, asked

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations",)
DECK = "facts"
TITLE = "Reply in a script to be forgotten"
UNIT = "share of letters"


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """A value in [0, 1] per item in a language that the request does not name."""
    asked_for = set(items.loc[items["requested"], "language"])
    scripts = {SCRIPT_OF[language] for language in asked_for if language in SCRIPT_OF}
    others = items[~items["language"].isin(asked_for)]
    own = {
        item: SCRIPT_OF.get(name)
        for item, name in zip(others["item"], others["language"], strict=True)
    }

    def score(item: str, text: str) -> Line:
        if not scripts or own[item] in scripts:
            reason = "the language shares its script with one to be forgotten"
            return Line(item, status="unscorable", reason=reason)
        found = shares(text)
        return Line(item, sum(found.get(script, 0.0) for script in scripts), 1.0)

    return asked(records["generations"], others, score)
