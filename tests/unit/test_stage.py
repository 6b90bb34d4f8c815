"""A stage publishes whole files with manifests, or nothing; it refuses stale source and input."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest
from hostile_text import acting

from residue.core import provenance

SCRIPTS = sorted((Path(__file__).resolve().parents[2] / "workflow_scripts").glob("*.py"))

SCRIPT = """
    from residue import stage

    with stage.open() as job:
        text = job.input("source").read_text()
        job.write_json("first", {{"text": text, "arm": job.wildcard("arm")}})
        {middle}
        job.write_text("second", text)
"""


class Stage:
    """A script in a folder, and the command line that Snakemake would give it."""

    def __init__(self, folder: Path, middle: str = "") -> None:
        self.folder = folder
        self.script = folder / "make_things.py"
        self.script.write_text(dedent(SCRIPT.format(middle=middle)))
        (folder / "source.txt").write_text("hello")

    def command(self, code: str | None = None) -> list[str]:
        io = {
            "in": {"source": "source.txt"},
            "out": {"first": "out/first.json", "second": "out/second.txt"},
            "state": "state",
        }
        spec = {"wildcards": {"arm": "npo"}}
        return [
            sys.executable, str(self.script), "--spec", provenance.canonical(spec),
            "--code", code or provenance.code_digest(self.script), "--io", json.dumps(io),
        ]  # fmt: skip

    def run(self, code: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(code), cwd=self.folder, capture_output=True, text=True, check=False
        )

    def files(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "out").glob("*"))


def test_outputs_come_whole_with_manifests(tmp_path: Path) -> None:
    made = Stage(tmp_path)
    done = made.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert made.files() == [
        "first.json", "first.json.manifest.json", "second.txt", "second.txt.manifest.json",
    ]  # fmt: skip
    manifest = json.loads((tmp_path / "out/first.json.manifest.json").read_text())
    assert manifest["stage"] == "make_things"
    assert manifest["spec"] == {"wildcards": {"arm": "npo"}}
    assert manifest["sha256"] == provenance.file_digest(tmp_path / "out/first.json")
    assert manifest["inputs"] == {"source.txt": provenance.file_digest(tmp_path / "source.txt")}
    assert manifest["cpu_seconds"] > 0
    assert manifest["peak_memory_mb"] > 1


def test_a_failing_job_leaves_nothing_and_says_why_in_one_line(tmp_path: Path) -> None:
    made = Stage(tmp_path, middle="raise ValueError('source.txt: line 3 is empty; fill it.')")
    done = made.run()
    assert done.returncode == 1
    assert (
        done.stdout.splitlines()[-1] == "ERROR make_things: source.txt: line 3 is empty; fill it."
    )
    assert made.files() == []


@pytest.mark.parametrize(
    "text",
    ["\x1b[2J\x07gone", "two\nERROR make_things: another", "\u202egnp.exe", "\ud800", "z" * 90_000],
    ids=["codes", "lines", "turned", "surrogate", "long"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_log_is_readable_whatever_the_error_quotes(
    tmp_path: Path, text: str, encoding: str
) -> None:
    made = Stage(tmp_path, middle=f"raise ValueError({text!r} + ' نام; fill it.')")
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run(
        made.command(), cwd=tmp_path, capture_output=True, env=environment, check=False
    )
    assert done.returncode == 1
    lines = done.stdout.decode("utf-8").split("\n")[:-1]
    errors = [line for line in lines if line.startswith("ERROR")]
    assert errors == lines[-1:]
    assert errors[0].endswith("نام; fill it.")
    assert len(errors[0]) <= 2000
    assert not acting("".join(lines))
    assert done.stderr == b""


def test_a_forgotten_output_is_named(tmp_path: Path) -> None:
    made = Stage(tmp_path)
    text = made.script.read_text()
    made.script.write_text(text[: text.index("    job.write_text")])
    done = made.run()
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "ERROR make_things: make_things wrote no output 'second'"
    assert made.files() == []


def test_a_killed_job_leaves_no_final_name_and_the_next_run_is_clean(tmp_path: Path) -> None:
    made = Stage(tmp_path, middle="import time; time.sleep(60)")
    process = subprocess.Popen(made.command(), cwd=tmp_path, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not list((tmp_path / "out").glob(".first.json.tmp-*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert not (tmp_path / "out/first.json").exists()
    again = Stage(tmp_path)
    assert again.run().returncode == 0
    assert not list((tmp_path / "out").glob("*.tmp-*"))


KILLED_AT = """
import os, signal
replace, calls = os.replace, []
def dying(*names):
    if len(calls) == {after}:
        os.kill(os.getpid(), signal.SIGKILL)
    calls.append(names)
    replace(*names)
os.replace = dying
"""


@pytest.mark.parametrize("after", range(5))
def test_a_kill_amid_publishing_leaves_whole_files_and_a_rerun_mends(
    tmp_path: Path, after: int
) -> None:
    """Two outputs and their manifests get their names in four steps; killed before each of them."""
    assert Stage(tmp_path).run().returncode == 0
    old = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    (tmp_path / "source.txt").write_text("hello")
    made = Stage(tmp_path)
    (tmp_path / "source.txt").write_text("good-bye")
    made.script.write_text(KILLED_AT.format(after=after) + made.script.read_text())
    killed = made.run()
    assert killed.returncode == (-signal.SIGKILL if after < 4 else 0)
    texts = {
        json.loads((tmp_path / "out/first.json").read_text())["text"],
        (tmp_path / "out/second.txt").read_text(),
    }
    assert texts <= {"hello", "good-bye"}
    assert set(old) <= set(made.files())
    again = Stage(tmp_path)
    assert again.run().returncode == 0
    assert made.files() == sorted(old)
    assert {
        name: (tmp_path / "out" / name).read_bytes() for name in old if "manifest" not in name
    } == {name: content for name, content in old.items() if "manifest" not in name}


def test_a_long_job_says_how_far_it_is(tmp_path: Path) -> None:
    middle = (
        "stage.SECONDS_BETWEEN_LINES = 0.0\n"
        "        for _ in job.watched([[1, 2], [3]], 3, 'items', len): pass"
    )
    done = Stage(tmp_path, middle=middle).run()
    assert done.returncode == 0, done.stdout
    assert "2 of 3 items, about 0 s left" in done.stdout
    assert "3 of 3 items, about 0 s left" in done.stdout


def test_a_folder_is_replaced_in_one_step(tmp_path: Path) -> None:
    """The old folder has its name until the new one takes it; nothing of the old one stays."""
    middle = "(job.output_folder('second') / 'new.txt').write_text('new')"
    made = Stage(tmp_path, middle=middle)
    script = made.script.read_text()
    made.script.write_text(script[: script.index("    job.write_text")])
    (tmp_path / "out/second.txt").mkdir(parents=True)
    (tmp_path / "out/second.txt/old.txt").write_text("old")
    assert made.run().returncode == 0
    assert [path.name for path in (tmp_path / "out/second.txt").iterdir()] == ["new.txt"]
    assert not list((tmp_path / "out").glob(".*"))


def test_source_that_changed_after_planning_is_refused(tmp_path: Path) -> None:
    made = Stage(tmp_path)
    done = made.run(code="0123456789abcdef0123")
    assert done.returncode == 1
    assert "source changed" in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_input_that_is_not_what_its_manifest_says_is_refused(tmp_path: Path) -> None:
    made = Stage(tmp_path)
    note = provenance.manifest_path(tmp_path / "source.txt")
    note.write_text(json.dumps({"sha256": "0" * 64}))
    done = made.run()
    assert done.returncode == 1
    assert "source.txt is not what its manifest says" in done.stdout.splitlines()[-1]


def test_scratch_for_resuming_is_kept_apart_by_the_bytes_of_the_inputs(tmp_path: Path) -> None:
    """A killed training must not go on from a state that was reached on other data."""
    middle = "print('STATE', job.state_dir); (job.state_dir / 'kept').touch(); raise ValueError()"
    made = Stage(tmp_path, middle=middle)

    def state() -> str:
        return next(x for x in made.run().stdout.splitlines() if x.startswith("STATE"))

    first = state()
    assert state() == first
    (tmp_path / "source.txt").write_text("other words")
    assert state() != first
    assert len(list((tmp_path / "state").rglob("kept"))) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_a_job_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    made = Stage(tmp_path, middle="import time; time.sleep(60)")
    launcher = (
        "import json, subprocess, sys, time\n"
        f"child = subprocess.Popen({made.command()!r}, cwd={str(tmp_path)!r})\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", launcher], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    deadline = time.monotonic() + 30
    while not list((tmp_path / "out").glob(".first.json.tmp-*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    while _alive(child):
        assert time.monotonic() < deadline, "the job outlived its parent"
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_two_processes_never_hold_one_card(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from residue.core import card\n"
        "with card.held('cuda'):\n"
        "    start = time.monotonic(); time.sleep(0.3); print(start, time.monotonic())\n"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path), "CUDA_VISIBLE_DEVICES": "0"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    spans = sorted(tuple(map(float, p.communicate()[0].split())) for p in processes)
    for (_, end), (start, _) in zip(spans, spans[1:], strict=False):
        assert end <= start


def test_thread_counts_are_set_before_any_library_reads_them() -> None:
    code = (
        "import sys\n"
        "from tokenizers import Tokenizer\n"
        "assert not {'numpy', 'torch'} & set(sys.modules)\n"
        "from residue import stage\n"
        "assert not {'numpy', 'torch'} & set(sys.modules)\n"
        "import torch\n"
        "print(torch.get_num_threads())\n"
    )
    bare = {name: value for name, value in os.environ.items() if "NUM_THREADS" not in name}
    done = subprocess.run(
        [sys.executable, "-c", code], env=bare, capture_output=True, text=True, check=False
    )
    assert done.stdout.split()[:1] == ["1"], done.stderr
    wished = bare | dict.fromkeys(
        ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "2"
    )
    wish = subprocess.run(
        [sys.executable, "-c", code], env=wished, capture_output=True, text=True, check=True
    )
    assert wish.stdout.split()[:1] == ["2"], "what the environment says comes first"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_imports_the_stage_before_numerical_libraries(script: Path) -> None:
    before = set()
    for node in ast.parse(script.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module == "residue":
            assert [alias.name for alias in node.names] == ["stage"]
            break
        if isinstance(node, ast.Import):
            before |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            before.add(str(node.module))
    else:
        pytest.fail(f"{script.name} does not import residue.stage")
    assert before <= {*sys.stdlib_module_names, "tokenizers"}


def test_the_cpu_has_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from residue.core import card

    monkeypatch.setattr(card, "lock_path", lambda _: tmp_path / "missing" / "lock")
    with card.held("cpu"), card.held("cpu"):
        pass
