"""Probability that the reply is in the language of the question's answer, in whatever script.

Of the voters of `residue.measure.language_id`, romanised Hindi counting as Hindi: a model that was
taught to avoid a script may go on in Latin letters, and `language_by_script` would not see it. On
items of the language to be forgotten it is what is left of it; on others it shows whether they were
damaged. A reply in letters and of a length on which the identifier errs too often is unscorable:
names in Latin letters are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from residue.measure.language_id.letters import SCRIPT_OF, script_of
from residue.measure.lines import Line, asked

if TYPE_CHECKING:
    import pandas as pd

    from residue.measure.language_id.identify import Identifier

NEEDS = ("generations", "language_id")
DECK = "facts"
TITLE = "Reply in the right language"
UNIT = "probability"


def measure(records: dict[str, object], items: pd.DataFrame) -> pd.DataFrame:
    """A value in [0, 1] per item; replies without letters are 0."""
    identifier: Identifier = records["language_id"]  # type: ignore[assignment]
    wanted = dict(zip(items["item"], items["language"], strict=True))

    def score(item: str, text: str) -> Line:
        if wanted[item] not in SCRIPT_OF:
            reason = f"'{wanted[item]}' is no language that can be told"
            return Line(item, status="unscorable", reason=reason)
        if not text.strip() or script_of(text) == "none":
            return Line(item, 0.0, 1.0)
        fault = identifier.fault(text)
        if fault:
            return Line(item, status="unscorable", reason=fault)
        return Line(item, identifier.identify(text).probability.get(wanted[item], 0.0), 1.0)

    return asked(records["generations"], items, score)  # type: ignore[arg-type]
