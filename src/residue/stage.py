"""What a script opens: its spec, inputs and outputs, its seed and device, and the promise that an
output appears whole or not at all.

    with stage.open() as job:
        spec = job.spec("world", WorldSpec)
        facts = read_facts(job.input("facts"))
        job.write_parquet("items", build_items(facts, spec))

Outputs are written beside their final names and published together, each with its manifest, when
the block ends without an error.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from residue.core import artifacts, card, methods, provenance, refusals, seeds
from residue.core.process import die_with_parent, peak_memory_mb
from residue.core.text import SafeFormatter, shown
from residue.specs.fields import load, unlisted

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Spec = TypeVar("Spec")
Part = TypeVar("Part")
log = logging.getLogger("residue")

VERSIONED = ("numpy", "pandas", "pyarrow", "scipy", "tokenizers", "torch", "transformers", "peft")
"""Packages whose version enters the manifest when the job imported them."""

LONGEST_ERROR = 2000
"""Characters of the sentence that says why a job stopped."""

# Numerical libraries read these once, when they are imported, so a script imports this module
# first. One thread: sums keep their order whatever else the machine does.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")


SECONDS_BETWEEN_LINES = 10.0
"""A job that takes longer says how far it is, this often."""


class Job:
    """One run of one stage. Scripts get it from `open`."""

    def __init__(self, name: str, arguments: argparse.Namespace) -> None:
        self.name = name
        self.code: str = arguments.code
        self._spec: dict[str, Any] = json.loads(arguments.spec)
        io = json.loads(arguments.io)
        self._inputs: dict[str, str | list[str]] = io["in"]
        self._outputs: dict[str, str] = io["out"]
        self._state = Path(io["state"])
        self._staged: dict[str, Path] = {}
        self._digests = {path: _checked(path) for path in _flat(self._inputs.values())}
        self.device = card.device() if arguments.gpu else "cpu"
        self.replaced: list[str] = []
        """What was asked for and could not be had, in words."""

    # --- what the job was asked ---

    def spec(self, section: str, cls: type[Spec]) -> Spec:
        """The named slice of the spec, typed."""
        return load(cls, self._spec[section], section)

    def specs(self, section: str, cls: type[Spec]) -> dict[str, Spec]:
        """A slice that lists named specs in their order, each typed, by name."""
        return {
            name: load(cls, entry, f"{section}.{name}")
            for name, entry in unlisted(self._spec[section])
        }

    def part(self, section: str) -> Any:
        """The named slice of the spec as plain values, where it is not a section of its own."""
        return self._spec[section]

    def wildcard(self, name: str) -> str:
        """A wildcard of the job, e.g. ``job.wildcard("arm")``."""
        return str(self._spec["wildcards"][name])

    def seed(self, *parts: str | int) -> int:
        """A seed for a purpose, given what it shall depend on, e.g. ``job.seed("train", pair)``."""
        return seeds.derive(*parts)

    # --- files ---

    def input(self, name: str) -> Path:
        """One input; its bytes were checked against its manifest when the job was opened."""
        value = self._inputs[name]
        if not isinstance(value, str):
            raise TypeError(f"input '{name}' of {self.name} is a list; use job.inputs('{name}')")
        return Path(value)

    def inputs(self, name: str) -> list[Path]:
        """A list of inputs; empty where there are none."""
        return [Path(path) for path in _flat([self._inputs.get(name, [])])]

    def output(self, name: str) -> Path:
        """Where to write an output; it gets its final name when the job ends well."""
        if name not in self._staged:
            final = Path(self._outputs[name])
            final.parent.mkdir(parents=True, exist_ok=True)
            for stale in final.parent.glob(f".{final.name}.tmp-*"):
                _remove(stale)
            self._staged[name] = final.with_name(f".{final.name}.tmp-{os.getpid()}")
        return self._staged[name]

    def output_folder(self, name: str) -> Path:
        """An output that is a folder, made empty."""
        folder = self.output(name)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def folder(self) -> Path:
        """Where the outputs go."""
        return Path(next(iter(self._outputs.values()))).parent

    def final(self, name: str) -> Path:
        """The final name of an output, for paths that one output writes about another."""
        return Path(self._outputs[name])

    def write_parquet(self, name: str, table: pd.DataFrame | pa.Table) -> None:
        """Write a table output."""
        artifacts.write_parquet(self.output(name), table)

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON output."""
        artifacts.write_json(self.output(name), value)

    def write_text(self, name: str, text: str) -> None:
        """Write a text output."""
        self.output(name).write_text(text, encoding="utf-8")

    def watched(
        self, parts: Iterable[Part], total: int, unit: str, size: Callable[[Part], int]
    ) -> Iterator[Part]:
        """Pass parts on, and log every ten seconds how many units of the total are done."""
        started = spoke = time.monotonic()
        done = 0
        for part in parts:
            yield part
            done += size(part)
            now = time.monotonic()
            if now - spoke >= SECONDS_BETWEEN_LINES:
                spoke = now
                left = (now - started) * (total - done) / max(done, 1)
                log.info("%d of %d %s, about %.0f s left", done, total, unit, left)

    @property
    def state_dir(self) -> Path:
        """Scratch for resuming, keyed by spec, code and the bytes of every input; removed when the
        job ends well."""
        folder = self._state_folder()
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _state_folder(self) -> Path:
        key = provenance.canonical([self._spec, self.code, self._digests])
        return self._state / self.name / f"{seeds.derive(key):016x}"

    # --- the end ---

    def publish(self, started: float) -> None:
        """Give every output its final name and its manifest."""
        missing = [name for name in self._outputs if name not in self._staged]
        if missing:
            raise RuntimeError(f"{self.name} wrote no output '{missing[0]}'")
        manifest = self._manifest(started)
        for name, staged in self._staged.items():
            final = Path(self._outputs[name])
            record = manifest | {"output": str(final), "sha256": provenance.file_digest(staged)}
            note = provenance.manifest_path(staged)
            artifacts.write_json(note, record)
            if final.is_dir():  # out of the way at once: a folder is not removed in one step
                aside = staged.with_name(f"{staged.name}-old")
                os.replace(final, aside)
                os.replace(staged, final)
                shutil.rmtree(aside)
            else:
                os.replace(staged, final)
            os.replace(note, provenance.manifest_path(final))
        shutil.rmtree(self._state_folder(), ignore_errors=True)

    def discard(self) -> None:
        """Remove what was staged."""
        for staged in self._staged.values():
            _remove(staged)

    def _manifest(self, started: float) -> dict[str, Any]:
        usage = [
            resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        ]
        return {
            "stage": self.name,
            "spec": self._spec,
            "code": self.code,
            "inputs": dict(sorted(self._digests.items())),
            "versions": {
                name: sys.modules[name].__version__ for name in VERSIONED if name in sys.modules
            }
            | {"python": sys.version.split()[0]},
            "device": card.describe(self.device),
            "replaced": self.replaced,
            "cpu_seconds": round(sum(u.ru_utime + u.ru_stime for u in usage), 2),
            "wall_seconds": round(time.time() - started, 2),
            "peak_memory_mb": round(peak_memory_mb(), 1),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }


@contextmanager
def open() -> Iterator[Job]:  # noqa: A001  (scripts read `stage.open()`)
    """Open the stage that this process was started for (see `rules/common.smk`)."""
    started = time.time()
    die_with_parent()
    arguments = _arguments()
    _log_to_stdout()
    name = Path(sys.argv[0]).stem
    _refuse_changed_source(name, arguments.code)
    job: Job | None = None
    try:
        job = Job(name, arguments)
        logging.getLogger().addHandler(_Replaced(job.replaced))
        log.info("%s %s", name, provenance.canonical(job.part("wildcards")))
        with card.held(job.device):
            yield job
        job.publish(started)
    # Everything, also an interrupt or exit: what was staged must go whatever ended the job. Errors
    # end in one sentence and the exit code 1, all else is raised again.
    except BaseException as error:
        if job is not None:
            job.discard()
        if isinstance(error, Exception):
            log.exception("%s stopped", name)
            said = refusals.sentence(error, job.folder if job is not None else Path())
            print(shown(f"ERROR {name}: {said}", LONGEST_ERROR), flush=True)
            raise SystemExit(1) from None
        raise
    log.info("%s done: %.1f CPU-s", name, time.process_time())


class _Replaced(logging.Handler):
    """Keeps what the library logs with ``extra={"replaced": True}``, for the manifests."""

    def __init__(self, kept: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "replaced", False):
            self.kept.append(record.getMessage())


def _log_to_stdout() -> None:
    """One log, in UTF-8 whatever the system's encoding."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(SafeFormatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(sys.modules["__main__"].__doc__ or "").strip())
    parser.add_argument("--spec", required=True, help="canonical JSON of the job's config slice")
    parser.add_argument("--code", required=True, help="digest of the reachable source")
    parser.add_argument("--io", required=True, help="JSON of named inputs and outputs")
    parser.add_argument("--gpu", type=int, default=0, help="1 to run on the card")
    return parser.parse_args()


def _refuse_changed_source(name: str, code: str) -> None:
    """Without this, an edit during a long run would be recorded as the code that was planned."""
    digest, *named = code.split()
    files = [methods.path(*each.split(":")) for each in named]
    if provenance.code_digest(sys.argv[0], files) != digest:
        raise SystemExit(
            f"ERROR {name}: the source changed after this run was planned; start snakemake again."
        )


def _flat(values: Iterable[str | list[str]]) -> list[str]:
    return [path for each in values for path in ([each] if isinstance(each, str) else each)]


def _checked(path: str) -> str:
    """Digest of an input; `StaleFileError` where the file is not what its manifest says."""
    manifest = provenance.check(path)
    return str(manifest["sha256"]) if manifest else provenance.file_digest(path)


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    provenance.manifest_path(path).unlink(missing_ok=True)
