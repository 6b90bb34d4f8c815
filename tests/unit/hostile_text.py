"""Texts that do harm where they are shown carelessly, and how to tell that they did none."""

from __future__ import annotations

from hypothesis import strategies as st

MARKUP = (
    '<script>document.title="ran";document.documentElement.dataset.ran="1"</script>',
    '<img src="http://hostile.invalid/x.png" onerror="document.title=\'ran\'">',
    '"><svg onload="document.documentElement.dataset.ran=1"></svg><a href="',
    "</title></style></svg></text></table></section><!-- <![CDATA[ ]]> &#0; &lt;",
    "'; background:url(http://hostile.invalid/y.png) ; x:'",
    ' id="prefix url(#clip) xmlns="http://hostile.invalid" #22262b font: 9px serif',
)
CODES = (
    "\x1b[2J\x1b[31mred\x1b]0;title\x07\x9b5n",
    "over\rwritten\b\b\x7f",
    "NUL \0 here",
    "two\nlines\r\nand\u2028two\x85more",
    "abc\u202ecba\u2066x\u2069\u200f\u061c",
    "zero\u200bwidth\ufeff\u2060\u00ad\U000e0041",
    "noncharacters \ufffe\uffff\ufdd0",
    "half \ud800 and \udfff",
)
PLAIN = (
    "",
    " ",
    "$x_1^2$ {c} {0} %s %(x)s \\n",
    "अमर \u200d\u200c भारत",
    "پاکستان 12",
    "z" * 20_000,
)
HOSTILE = (*MARKUP, *CODES, *PLAIN)

STORABLE = tuple(text for text in HOSTILE if "\ud800" not in text)
"""Those that a file can hold."""

any_text = st.text(st.characters(exclude_categories=()), max_size=40) | st.sampled_from(HOSTILE)
storable = st.text(max_size=40) | st.sampled_from(STORABLE)


def acting(text: str) -> set[str]:
    """Characters that a terminal obeys, XML forbids, a file cannot hold, or that hide or turn."""
    bad = {chr(c) for c in (*range(32), *range(127, 160), *range(0xFDD0, 0xFDF0), 0xFFFE, 0xFFFF)}
    bad |= set("\u061c\u200b\u200e\u200f\u2028\u2029\u2060\u00ad\ufeff\u180e")
    bad |= {chr(c) for c in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
    return {c for c in text if c in bad or 0xD800 <= ord(c) < 0xE000 or 0xE0000 <= ord(c) < 0xE0080}
