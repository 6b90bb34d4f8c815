"""Share of the reply's letters that are of the script of its question's language.

Letters and their marks alone: digits, punctuation and the danda are of no script. Exact where each
language has a script of its own, and blind to Hindi in Latin letters, which `language_probability`
hears. A reply without letters is 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from residue.measure.language_id.letters import SCRIPT_OF, shares
from residue.measure.lines import Line, asked

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations",)
DECK = "facts"
TITLE = "Reply in the right script"
UNIT = "share of letters"


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """A value in [0, 1] per item; languages without a known script are unscorable."""
    wanted = dict(zip(items["item"], items["language"], strict=True))

    def score(item: str, text: str) -> Line:
        script = SCRIPT_OF.get(wanted[item])
        if script is None:
            reason = f"the script of '{wanted[item]}' is not known"
            return Line(item, status="unscorable", reason=reason)
        return Line(item, shares(text).get(script, 0.0), 1.0)

    return asked(records["generations"], items, score)
