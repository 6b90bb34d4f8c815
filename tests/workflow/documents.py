"""What README.md and docs/*.md show: commands, config snippets, programs, listings and links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.workflow.graph import ROOT

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
TOOLS = ("make", "snakemake", "residue", "python")
LISTED = (ROOT, ROOT / "src" / "residue", ROOT / ".venv")
"""Folders whose content the listings of the documents name."""


@dataclass(frozen=True)
class Block:
    """A fenced or indented block. language: of the fence, `indented` where there is none."""

    page: Path
    language: str
    text: str

    @property
    def target(self) -> str:
        """The file that the block is the content of: its first line, where that is a path."""
        named = re.match(r"# ([\w./-]+\.\w+)\n", self.text)
        return named[1] if named else ""

    def __str__(self) -> str:
        return f"{self.page.name}: {self.text.splitlines()[0][:50]}"


def blocks(page: Path) -> Iterator[Block]:
    """Every block of a page, but those that the program writes between its markers."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"<!-- (\w+) -->.*?<!-- /\1 -->", "", text, flags=re.DOTALL)
    for language, body in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        yield Block(page, language, body)
    text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    for body in re.findall(r"(?:^\n|\A)((?: {4}.*\n)+)", text, flags=re.MULTILINE):
        yield Block(page, "indented", "".join(line.lstrip() for line in body.splitlines(True)))


def tool_of(line: str) -> str:
    """The tool that a line starts, wherever it is installed; empty if it starts none."""
    name = line.split()[0].removeprefix(".venv/bin/") if line.split() else ""
    return name if name in TOOLS else ""


def is_config(line: str) -> bool:
    """Whether a line of an indented block is a config snippet."""
    return bool(re.match(r"[a-z_]+: ", line))


def is_listed(line: str) -> bool:
    """Whether a line of an indented block lists files that exist: `name  what it is`."""
    names = re.split(r" {2,}", line.strip())
    paths = [name for part in names[:-1] for name in part.split()]
    return bool(paths) and all(any((at / path).exists() for at in LISTED) for path in paths)


def commands() -> dict[str, str]:
    """Every command shown, in blocks and in running text → the page that shows it first."""
    found: dict[str, str] = {}
    for page in PAGES:
        lines = [
            line
            for block in blocks(page)
            if block.language in ("sh", "indented")
            for line in block.text.splitlines()
        ]
        lines += re.findall(r"`([^`\n]+)`", _without_blocks(page).replace("\n", " "))
        for line in lines:
            words = shlex.split(line, comments=True) if tool_of(line) else []
            # A tool's bare name in running text is a name, not a command.
            if len(words) > 1:
                found.setdefault(shlex.join(words), page.name)
    return found


def links(page: Path) -> list[str]:
    """Targets of the page's links to files; pictures are made by `make readme`."""
    found = re.findall(r"(?<!!)\[[^\]]*\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    return [link for link in found if not link.startswith("http")]


def paths(page: Path) -> list[str]:
    """Files and folders of the project that running text names."""
    tops = "src|rules|workflow_scripts|config|docs|tests|data|envs|profiles|benchmarks"
    return re.findall(rf"`((?:{tops})/[\w./-]*)`", _without_blocks(page))


def _without_blocks(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"(?:^\n|\A)(?: {4}.*\n)+", "\n", text, flags=re.MULTILINE)
