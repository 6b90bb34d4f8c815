"""One process per card: two Snakemakes, jobs of one, and an orphan; on cards that are made up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from textwrap import dedent

import pytest

from tests.workflow.graph import ROOT

pytestmark = pytest.mark.workflow

STUB = """
    import os, signal, sys, time
    from pathlib import Path

    from residue import stage
    from residue.core import card

    card.CARDS = Path(os.environ["MADE_UP_CARDS"])
    card.describe = lambda device: device
    if os.environ.get("STUBBORN"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with stage.open() as job:
        spans = Path(os.environ["SPANS"])
        started = time.monotonic()
        Path(f"{spans}-{card.name('cuda')}").touch()
        other = os.environ.get("MEET")
        while other and not Path(f"{spans}-{other}").exists():
            time.sleep(0.02)
        time.sleep(float(os.environ.get("SECONDS", "0.3")))
        with spans.open("a") as log:
            log.write(f"{card.name('cuda')} {started} {time.monotonic()}\\n")
        job.write_text("out", "done")
"""

SNAKEFILE = """
    import json, sys
    from residue.core import provenance

    rule all:
        input: expand("out/{n}.txt", n=range(2))

    def io(wildcards, output):
        return json.dumps({"in": {}, "out": {"out": output[0]}, "state": "state"})

    rule hold:
        output: "out/{n}.txt"
        params:
            python=sys.executable,
            spec='{"wildcards":{}}',
            code=provenance.code_digest("stub.py"),
            io=io,
        shell:
            "exec {params.python} stub.py --gpu 1"
            " --spec {params.spec:q} --code {params.code:q} --io {params.io:q}"
"""


class Runs:
    """Folders with the stub workflow, the two made-up cards, and the spans that jobs wrote down."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for place, uuid in {"0000:17:00.0": "GPU-a", "0000:65:00.0": "GPU-b"}.items():
            (folder / "cards" / place).mkdir(parents=True)
            (folder / "cards" / place / "information").write_text(f"GPU UUID: \t {uuid}\n")
        (folder / "locks").mkdir()

    def start(self, name: str, card: str, **more: str) -> subprocess.Popen[bytes]:
        """A Snakemake of its own, which lets both its jobs run at once."""
        home = self.folder / name
        home.mkdir()
        (home / "stub.py").write_text(dedent(STUB))
        (home / "Snakefile").write_text(dedent(SNAKEFILE))
        environment = os.environ | {
            "PYTHONPATH": str(ROOT / "src"), "TMPDIR": str(self.folder / "locks"),
            "MADE_UP_CARDS": str(self.folder / "cards"), "SPANS": str(self.folder / "spans"),
            "CUDA_VISIBLE_DEVICES": card,
        }  # fmt: skip
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "--quiet", "all"]
        return subprocess.Popen(command, cwd=home, env=environment | more)

    def spans(self) -> dict[str, list[tuple[float, float]]]:
        found = defaultdict(list)
        for line in (self.folder / "spans").read_text().splitlines():
            card, start, end = line.split()
            found[card].append((float(start), float(end)))
        return {card: sorted(each) for card, each in found.items()}


def apart(spans: list[tuple[float, float]]) -> bool:
    return all(end <= start for (_, end), (start, _) in zip(spans, spans[1:], strict=False))


def test_two_snakemakes_share_a_card_one_job_at_a_time(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    processes = [runs.start("by-index", "0"), runs.start("by-uuid", "GPU-a")]
    assert [process.wait(120) for process in processes] == [0, 0]
    spans = runs.spans()
    assert {card: len(each) for card, each in spans.items()} == {"GPU-a": 4}
    assert apart(spans["GPU-a"])


def test_two_cards_are_held_at_once(tmp_path: Path) -> None:
    """Each job waits on its card until the other card is held too; one lock for both would hang."""
    runs = Runs(tmp_path)
    processes = [runs.start("first", "0", MEET="GPU-b"), runs.start("second", "1", MEET="GPU-a")]
    assert [process.wait(120) for process in processes] == [0, 0]
    assert {card: apart(each) for card, each in runs.spans().items()} == {
        "GPU-a": True,
        "GPU-b": True,
    }


@pytest.mark.skipif(sys.platform != "linux", reason="jobs die with Snakemake on Linux only")
def test_an_orphan_that_will_not_die_keeps_its_card(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    killed = runs.start("killed", "0", STUBBORN="1", SECONDS="3")
    deadline = time.monotonic() + 60
    while not (tmp_path / "spans-GPU-a").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert runs.start("next", "0").wait(120) == 0
    spans = runs.spans()["GPU-a"]
    assert len(spans) >= 3, "the orphan finished its work"
    assert apart(spans)
