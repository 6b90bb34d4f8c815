"""Every fault of a users' file is found with its line, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from residue.world.jsonl import BOM, DataError, count_kinds, read_rows

GOOD = b'{"text": "one two"}'
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
OBJECTS = st.lists(st.dictionaries(KEYS, VALUES, max_size=4), min_size=1, max_size=6)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.jsonl"


@given(
    objects=OBJECTS, escaped=st.booleans(), end=st.sampled_from(["\n", "\r\n"]), last=st.booleans()
)
def test_what_python_wrote_comes_back_line_by_line(
    tmp_path_factory: pytest.TempPathFactory,
    objects: list[dict[str, object]],
    escaped: bool,
    end: str,
    last: bool,
) -> None:
    """LF or CRLF, escaped or not, with or without a last newline, odd line separators inside."""
    path = tmp_path_factory.mktemp("round") / "x.jsonl"
    text = end.join(json.dumps(each, ensure_ascii=escaped) for each in objects) + end * last
    path.write_bytes(text.encode())
    rows, faults = read_rows(path)
    assert [row.values for row in rows] == objects
    assert [row.line for row in rows] == list(range(1, len(objects) + 1))
    assert set(count_kinds(faults)) <= {"CRLF line ends"}
    assert bool(faults) == (end == "\r\n" and (last or len(objects) > 1))


@pytest.mark.parametrize(
    ("line", "kind", "note"),
    [
        (b"", "empty line", "delete it"),
        (b" \t", "empty line", "delete it"),
        (b'{"text": "\xff"}', "not UTF-8", "byte 11"),
        ("{'text': 1}".encode("utf-16-le"), "not JSON", "column"),
        (b'{"text": "open}', "not JSON", "column 10"),
        (b"{'text': 1}", "not JSON", "column 2"),
        (b'"one",', "not JSON", "column 6"),
        (b'"one"', "not an object", "is a text"),
        (b"[1]", "not an object", "is a list"),
        (b"3", "not an object", "is a number"),
        (b"null", "not an object", "is null"),
        (b'{"a": NaN}', "not JSON", "NaN"),
        (b'{"a": 1, "a": 2}', "not JSON", "'a' twice"),
        (b'{"a": "\\ud800"}', "half a character", "surrogate"),
        (b'{"a": ' + b"[" * 200_000, "not JSON", "deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON", "4300"),
    ],
)
def test_a_bad_line_is_left_out_and_listed_and_its_neighbours_stay(
    file: Path, line: bytes, kind: str, note: str
) -> None:
    file.write_bytes(b"\n".join([GOOD, line, GOOD]) + b"\n")
    rows, faults = read_rows(file)
    assert [row.line for row in rows] == [1, 3]
    (fault,) = faults
    assert (fault.line, fault.kind, fault.kept) == (2, kind, False)
    assert note in fault.note


def test_small_damage_is_read_through_and_listed(file: Path) -> None:
    file.write_bytes(BOM + GOOD + b"\r\n" + GOOD + b"\r\n\r\n")
    rows, faults = read_rows(file)
    assert [row.line for row in rows] == [1, 2]
    assert [(fault.line, fault.kind, fault.kept) for fault in faults] == [
        (0, "CRLF line ends", True),
        (1, "byte order mark", True),
        (3, "empty line", False),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; give it"),
        (b"\n \n", "is empty; give it"),
        (BOM, "is empty; give it"),
        (b"one\ntwo\n", "no line can be used (line 1: not JSON"),
        (b'[{"a": 1}, {"a": 2}]', "is a JSON array; write one object per line"),
        (b'[\n  {"a": 1}\n]\n', "is a JSON array; write one object per line"),
        ('{"a": 1}'.encode("utf-16"), "is UTF-16; save it as UTF-8"),
    ],
)
def test_a_file_without_a_usable_line_stops_with_the_mend(
    file: Path, content: bytes, message: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_rows(file, name="data/mine.jsonl")
    assert message in str(caught.value)
    assert str(caught.value).startswith("data/mine.jsonl: ")
    assert "\n" not in str(caught.value)


def test_the_command_against_an_array_does_what_it_says(file: Path, tmp_path: Path) -> None:
    import re
    import subprocess
    import sys

    objects = [{"q": "wo?", "a": "ötlich"}, {"q": 'a "b"', "a": "c"}]
    source = tmp_path / "FILE.json"
    source.write_text(json.dumps(objects, indent=1))
    with pytest.raises(DataError) as caught:
        read_rows(source, name="out.jsonl")
    command = re.search(r"python -c .*", str(caught.value))
    assert command
    line = command[0].replace("python", sys.executable, 1)
    subprocess.run(["bash", "-euc", line], cwd=tmp_path, check=True)
    assert [row.values for row in read_rows(tmp_path / "out.jsonl")[0]] == objects


def test_a_missing_file_stops(file: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_rows(file)
