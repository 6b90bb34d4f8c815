"""At which word the reply first turns to the script of its question's language: 1 at once.

Words are counted between spaces; a word counts where most of its letters are of the script. Replies
that never do are unscorable, and `language_by_script` says how many: the two are kept apart, since
one number for both falls with the length of the reply. The share of lines up to k is the curve of
first hits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from residue.measure.language_id.letters import SCRIPT_OF, script_of
from residue.measure.lines import Line, asked

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("generations",)
DECK = "facts"
TITLE = "First word in the right script"
UNIT = "word"
NEVER = "no word is in the script of the language"


def measure(records: dict[str, pd.DataFrame], items: pd.DataFrame) -> pd.DataFrame:
    """The number of the word, per item."""
    wanted = dict(zip(items["item"], items["language"], strict=True))

    def score(item: str, text: str) -> Line:
        script = SCRIPT_OF.get(wanted[item])
        for number, word in enumerate(text.split(), start=1):
            if script is not None and script_of(word) == script:
                return Line(item, float(number), 1.0)
        return Line(item, status="unscorable", reason=NEVER)

    return asked(records["generations"], items, score)
