"""From lines of users' files to entries: which key holds the question, the answer, the cluster."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from residue.specs.data import Columns, DataSpec, Source
from residue.world.jsonl import DataError, Fault, Row
from residue.world.texts import UnusableError, chat_turns, cut_text, without_debris

TEXT_KEYS = (
    "prompt", "text", "completion", "response", "output", "instruction", "input", "question",
    "answer",
)  # fmt: skip
"""Where running text is searched for, in this order, when no column is named; then `messages`."""
_PAIRS = (("question", "answer"), ("prompt", "completion"), ("prompt", "response"),
          ("instruction", "output"))  # fmt: skip
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Entry:
    """One usable line in the program's terms; a cluster or part that is not given is empty."""

    line: int
    prompts: tuple[str, ...]
    """The wording that is taught and asked, then those that are only asked."""
    answers: tuple[str, ...]
    """The answer that is taught, then the others that are accepted."""
    distractors: tuple[str, ...] = ()
    cluster: str = ""
    part: str = ""
    language: str = ""
    kind: str = ""
    alternate: str = ""


def read_entries(
    rows: Sequence[Row], source: Source, spec: DataSpec, key: str
) -> tuple[list[Entry], list[Fault]]:
    """Entries of one file in its order, and the faults of lines that do not hold what they should.

    `key` is the file's place in the config, for messages. DataError where a named column is in no
    line, or where no line gives an entry.
    """
    columns = source.columns or spec.columns
    _columns_exist(rows, columns, source.file, key)
    if not (columns.text or columns.question or columns.messages):
        _no_pair(rows[0], source.file, key)
    entries: list[Entry] = []
    faults: list[Fault] = []
    for row in rows:
        reader = _Line(row, columns, source, spec)
        try:
            entries.append(reader.entry())
        except UnusableError as error:
            faults.append(Fault(source.file, row.line, error.kind, False, error.note))
        else:
            faults += [Fault(source.file, row.line, kind, True, note) for kind, note in reader.kept]
    if not entries:
        shown = "; ".join(f"line {each.line}: {each.note}" for each in faults[:3])
        raise DataError(f"{source.file}: no line gives an item ({shown}); mend {key}.columns")
    return entries, faults


class _Line:
    """Reads one line; small repairs collect in `kept`."""

    def __init__(self, row: Row, columns: Columns, source: Source, spec: DataSpec) -> None:
        self.values, self.line = row.values, row.line
        self.columns, self.source, self.spec = columns, source, spec
        self.kept: list[tuple[str, str]] = []

    def entry(self) -> Entry:
        """The entry; UnusableError where something needed is missing, empty or of another kind."""
        columns = self.columns
        if columns.question:
            made = self._question()
        elif columns.messages:
            prompt, answer = chat_turns(self.values.get(columns.messages), columns.messages)
            made = Entry(self.line, (prompt,), (answer,))
        else:
            made = self._running(self._text(columns.text) if columns.text else self._searched())
        return replace(
            made,
            distractors=(*made.distractors, *self._texts(columns.distractors)),
            cluster=self._label(columns.cluster),
            part=self._label(columns.part),
            kind=self._label(columns.kind) or self.source.kind,
            alternate=next(iter(self._texts(columns.alternate)), ""),
            language=self._label(columns.language) or self.source.language,
        )

    def _question(self) -> Entry:
        columns = self.columns
        wordings = [self._text(columns.question), *self._texts(columns.paraphrase)]
        wrong: list[str] = []
        options = ""
        if columns.choices:
            answers, wrong, options = self._choice(self._texts(columns.choices))
        else:
            answers = self._texts(columns.answer)
        if not answers:
            raise UnusableError("missing value", f"has no '{columns.answer}'; give it an answer")
        distinct = list(dict.fromkeys(wordings))
        if len(distinct) < len(wordings):
            self.kept.append(("paraphrase repeats", "left out the wording that stood before"))
        filled = {"{question}": "", "{choices}": options}

        def put(text: str) -> str:
            slots = {**filled, "{question}": text}
            return re.sub(r"\{(question|choices)\}", lambda m: slots[m[0]], self.source.prompt)

        accepted = dict.fromkeys([*answers, *self._texts(columns.accepted)])
        return Entry(self.line, tuple(map(put, distinct)), tuple(accepted), tuple(wrong))

    def _choice(self, options: list[str]) -> tuple[list[str], list[str], str]:
        """(accepted, wrong, options as shown) of a multiple-choice question."""
        right = self.values.get(str(self.columns.answer))
        if isinstance(right, str):
            letter = right.strip().upper()
            if right in options:
                right = options.index(right)
            elif len(letter) == 1 and letter in LETTERS:
                right = LETTERS.index(letter)
        if isinstance(right, bool) or not isinstance(right, int) or not 0 <= right < len(options):
            note = f"'{self.columns.answer}' is {right!r} of {len(options)} choices; count from 0"
            raise UnusableError("no such choice", note)
        if "{choices}" not in self.source.prompt:
            return [options[right]], options[:right] + options[right + 1 :], ""
        if len(options) > len(LETTERS):
            raise UnusableError("too many choices", f"has {len(options)}; letters end at Z")
        letters = list(LETTERS[: len(options)])
        shown = "\n".join(f"{a}. {text}" for a, text in zip(letters, options, strict=True))
        return [letters.pop(right)], letters, shown

    def _searched(self) -> str:
        for key in TEXT_KEYS:
            value = self.values.get(key)
            if isinstance(value, str) and value.strip():
                return self._text(key)
        if "messages" not in self.values:
            raise UnusableError("no text", f"has none of {', '.join(TEXT_KEYS)}, messages; add one")
        return chat_turns(self.values["messages"], "messages")[1]

    def _running(self, text: str) -> Entry:
        prompt, answer, rest = cut_text(text, self.spec.text_prompt, self.spec.text_words)
        if rest:
            self.kept.append(("text cut", f"its last {rest} words are not used (data.text_words)"))
        return Entry(self.line, (prompt,), (answer,))

    def _text(self, key: str | None) -> str:
        value = self.values.get(str(key))
        if value is None:
            raise UnusableError("missing value", f"has no '{key}'; add it")
        text = self._cleaned(value, key)
        if not text:
            raise UnusableError("empty text", f"'{key}' is empty; fill it in")
        return text

    def _texts(self, key: str | None) -> list[str]:
        """The texts of a key that holds one or a list; empty ones are left out, and listed."""
        value = self.values.get(key) if key else None
        listed = value if isinstance(value, list) else [] if value is None else [value]
        texts = [self._cleaned(each, key) for each in listed]
        if not all(texts):
            self.kept.append(("empty text", f"an empty '{key}' is left out"))
        return [text for text in texts if text]

    def _cleaned(self, value: Any, key: str | None) -> str:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            raise UnusableError("not a text", f"'{key}' is {type(value).__name__}; write a text")
        text = without_debris(value)
        if text != value.strip():
            self.kept.append(("stray quotes", f"'{key}': taken off its ends"))
        return text

    def _label(self, key: str | None) -> str:
        value = self.values.get(key) if key else None
        if isinstance(value, (dict, list)):
            raise UnusableError("not a text", f"'{key}' is {type(value).__name__}; write a text")
        return "" if value is None else str(value).strip()


def _columns_exist(rows: Sequence[Row], columns: Columns, file: str, key: str) -> None:
    keys = dict.fromkeys(name for row in rows for name in row.values)
    for field in fields(columns):
        name = getattr(columns, field.name)
        if name and name not in keys:
            near = difflib.get_close_matches(name, keys, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"they have {', '.join(keys)}."
            raise DataError(f"{key}.columns.{field.name}: no line of {file} has '{name}'; {hint}")


def _no_pair(row: Row, file: str, key: str) -> None:
    """Half of a pair taken for running text would be a silent mistake."""
    for first, second in _PAIRS:
        if first in row.values and second in row.values:
            raise DataError(
                f"{file}: line {row.line} holds '{first}' and '{second}', and {key}.columns names "
                f"neither; write {{question: {first}, answer: {second}}}, or {{text: {first}}}"
            )
