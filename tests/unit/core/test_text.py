"""Shown text acts on nothing, hides nothing, and leaves plain text of any script as it is."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest
from hostile_text import HOSTILE, acting, any_text
from hypothesis import given
from hypothesis import strategies as st

from residue.core.text import SafeFormatter, shown

FACTS = Path(__file__).resolve().parents[3] / "data" / "facts.tsv"


@given(any_text)
def test_nothing_acts_and_any_file_holds_it(text: str) -> None:
    safe = shown(text)
    assert not acting(safe)
    assert safe.encode("utf-8").decode("utf-8") == safe
    assert shown(safe) == safe


@given(any_text, st.integers(3, 60))
def test_a_bound_is_kept_with_both_ends(text: str, most: int) -> None:
    short = shown(text, most)
    assert len(short) <= most
    assert not acting(short)
    if len(shown(text)) > most:
        assert "…" in short
    else:
        assert short == shown(text)


def test_plain_text_stays() -> None:
    for cell in FACTS.read_text(encoding="utf-8").replace("\t", "\n").split("\n"):
        assert shown(cell) == cell
    for text in ("क्\u200dष", "می\u200cخواهم", "family 👩\u200d🚀", "a\u00a0b", "\ue000", "۝"):
        assert shown(text) == text


def test_what_is_hidden_is_written_out() -> None:
    assert shown("\x1b[31m\0\u202ex\ud800") == r"\x1b[31m\x00\u202ex\ud800"
    assert shown("a\nb\tc\u2028d") == "a b c d"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_log_line_is_one_line_whatever_it_quotes(text: str) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(SafeFormatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    logger = logging.Logger("a logger of this test alone")
    logger.addHandler(handler)
    logger.warning("it says %s.", text)
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception("stopped")
    first, second, *trace = stream.getvalue().removesuffix("\n").split("\n")
    assert first.endswith(".")
    assert second.endswith("stopped")
    assert all(line.startswith("  ") for line in trace), (
        "no quoted line stands as a line of the log"
    )
    for line in (first, second, *trace):
        assert not acting(line)
        assert len(line) < 5000
