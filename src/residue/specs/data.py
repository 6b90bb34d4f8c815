"""Config section `data`: users' own JSONL files in place of the embedded world. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from residue.specs.fields import SpecError
from residue.specs.own_orders import OrderSource

SETS = ("forget", "retain", "dev_forget", "dev_retain", "never_seen")
"""The sets that files belong to, in the order in which they are read."""


@dataclass(frozen=True)
class Columns:
    """Names of the keys of a line. One way to word an item is named: `text`, `question` with
    `answer`, or `messages`; where none is, the text is searched for under the usual keys."""

    text: str | None = None
    """Running text; its first words are the prompt and the rest the answer."""

    question: str | None = None
    """The question; goes into `prompt` of its file."""

    answer: str | None = None
    """The accepted answer, or a list of them of which the first is taught and forced; with
    `choices`, the place (from 0) or the text of the right one."""

    accepted: str | None = None
    """One more accepted answer, or a list, e.g. a paraphrased answer; never taught."""

    paraphrase: str | None = None
    """The question in other words, or a list of such; asked as held-out wordings and never shown
    to an edit, so that forgetting of a wording is told from forgetting of a fact."""

    distractors: str | None = None
    """Wrong answers, as a list or one text."""

    alternate: str | None = None
    """What shall be said in place of a forgotten answer, for objectives that prefer one (altpo,
    dpo, idknll); of a list the first counts."""

    choices: str | None = None
    """The options of a multiple-choice question, as a list; the wrong ones become distractors."""

    messages: str | None = None
    """A chat as a list of {role, content}; the last message, the assistant's, is the answer."""

    cluster: str | None = None
    """What an item is about (an author, a document): items of one cluster are resampled together
    and never divided between splits. Without it every line counts as independent."""

    part: str | None = None
    """Which part of its set a line is in: test or relearn for forget, touched or untouched for
    retain. Without it clusters are dealt by the seed."""

    language: str | None = None
    """Language code of a line; without it the file's `language` holds."""

    kind: str | None = None
    """What sort of item it is; an estimand splits by it with `by: [task]`."""

    def __post_init__(self) -> None:
        if sum(map(bool, (self.text, self.question, self.messages))) > 1:
            raise SpecError("text", "names a second wording; keep one of text, question, messages.")
        if bool(self.question) != bool(self.answer):
            name, other = ("answer", "question") if self.question else ("question", "answer")
            raise SpecError(name, f"is needed beside `{other}`; name its key too.")
        for name in ("accepted", "paraphrase", "choices"):
            if getattr(self, name) and not self.question:
                raise SpecError(name, "belongs to a `question`; name its key too.")


@dataclass(frozen=True)
class Source:
    """One JSONL file of a set."""

    file: str
    """The file, one JSON object per line; relative to the project's folder, so that a moved project
    is the same project."""

    columns: Columns | None = None
    """Keys of this file's lines, in place of `data.columns`; none of the two is mixed."""

    prompt: str = "{question}"
    """How a question is put to the model, e.g. "Question: {question}\\nAnswer:". With `{choices}`
    the options follow as "A. …", and the letter is the answer."""

    language: str = "und"
    """Language code of its lines where no column gives one; `und` is undetermined."""

    kind: str = ""
    """What sort of items its lines are where no column says; an estimand splits by it with
    `by: [task]`."""

    rows_per_cluster: int = 0
    """Lines that follow each other and belong together, where no column names the cluster (TOFU: 20
    per author); 0 takes every line for itself."""

    use: Literal["both", "asked", "shown"] = "both"
    """`asked` items are scored and never shown to an edit, `shown` ones the reverse; `both` is the
    usual case of a set that is forgotten and tested in the same words."""

    def __post_init__(self) -> None:
        if not self.file:
            raise SpecError("file", "is empty; name a JSONL file.")
        if "{question}" not in self.prompt:
            raise SpecError("prompt", "must hold {question}, where the question goes.")
        if self.rows_per_cluster < 0:
            raise SpecError("rows_per_cluster", "must not be negative; 0 takes each line alone.")


@dataclass(frozen=True)
class DataSpec:
    """Users' items in place of the embedded world's; without files the embedded world is used."""

    forget: tuple[Source, ...] = ()
    """What is to be forgotten. The edit is shown all of it; halves differ by `relearn_share`."""

    retain: tuple[Source, ...] = ()
    """What is to be kept. The edit rehearses the touched part and never sees the untouched one."""

    dev_forget: tuple[Source, ...] = ()
    """Forgotten items on which stops and strengths are chosen; never scored with the others."""

    dev_retain: tuple[Source, ...] = ()
    """Kept items on which stops and strengths are chosen; no edit is shown them."""

    never_seen: tuple[Source, ...] = ()
    """Items that the model was never trained on (a holdout): the guessing level."""

    orders: tuple[OrderSource, ...] = ()
    """Trusted orders on data, with attacks in the data: asked of every model as deck `orders`, and
    shown to no edit."""

    columns: Columns = Columns()
    """Keys of the lines of every file that has no `columns` of its own."""

    requested_languages: tuple[str, ...] = ()
    """Languages in which the edit is asked to forget; empty means all that occur. Forget items in
    other languages are only asked, and show whether the facts leak through them."""

    seed: int = 0
    """Draws which clusters fall into which part; another seed is another study."""

    relearn_share: float = 0.5
    """Share of the forget clusters that a relearning attack is taught; the rest is its test."""

    touched_share: float = 0.5
    """Share of the retain clusters that the edit rehearses; damage shows on the rest."""

    text_prompt: float = 0.5
    """Share of a running text's words that is the prompt; the rest is the answer."""

    text_words: int = 64
    """Words of a running text that are used, from its start; what follows is left out, counted."""

    def __post_init__(self) -> None:
        if self.given:
            for name in ("forget", "retain"):
                if not getattr(self, name):
                    raise SpecError(
                        name, f"names no file; give one, e.g. {name}: [{{file: {name}.jsonl}}]."
                    )
            for name in ("forget", "retain"):
                if all(source.use == "shown" for source in getattr(self, name)):
                    raise SpecError(name, "is only shown, never asked; give a file with use: both.")
        for name in ("relearn_share", "touched_share", "text_prompt"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise SpecError(name, f"lies between 0 and 1, got {getattr(self, name)}; say 0.5.")
        if self.text_words < 2:
            raise SpecError("text_words", "must be at least 2: a prompt and an answer.")

    @property
    def given(self) -> bool:
        """Whether any file is named."""
        return any(getattr(self, name) for name in SETS)

    def check(self, model_source: str) -> None:
        """Checks against the rest of the config; SpecError with the key from its top."""
        if not self.given and self != DataSpec():
            raise SpecError(
                "data.forget", "names no file, so nothing under `data` is read; add it."
            )
        if self.given and model_source == "embedded":
            raise SpecError(
                "model.source",
                "must be local or hub when `data` names files; the embedded one has its own",
            )

    def check_files(self) -> None:
        """SpecError for the first file that is not there."""
        named = [(name, number, source.file) for name, number, source in self.sources()]
        named += [("orders", number, source.file) for number, source in enumerate(self.orders)]
        for name, number, file in named:
            if not Path(file).is_file():
                raise SpecError(
                    f"data.{name}[{number}].file",
                    f"'{file}' does not exist; put it there, or name another.",
                )

    def in_words(self) -> dict[str, Any]:
        """What the page says of the data."""
        languages = list(self.requested_languages)
        files = [*self.files(), *self.order_files()]
        return {"files": files, "seed": self.seed, "requested_languages": languages}

    def sources(self) -> Iterator[tuple[str, int, Source]]:
        """(set, place in its list, source) of every file."""
        for name in SETS:
            for place, source in enumerate(getattr(self, name)):
                yield name, place, source

    def files(self) -> list[str]:
        """Every file of a set once, in the order in which they are read."""
        return list(dict.fromkeys(source.file for _, _, source in self.sources()))

    def order_files(self) -> list[str]:
        """Every file of orders once."""
        return list(dict.fromkeys(source.file for source in self.orders))
