"""A model from the Hugging Face hub as one folder: pinned to a commit, weights in one file.

Only top-level safetensors, JSON and tokenizer files are taken; no code and no pickles. Weights in
several files are written as one (the format is a header and raw bytes, so no number is touched).
"""

from __future__ import annotations

import json
import logging
import shutil
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from residue.core.artifacts import read_json, write_json

logger = logging.getLogger(__name__)

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
NEEDED = ("config.json", "tokenizer.json", "tokenizer_config.json")
TEMPLATE = "chat_template.jinja"
CHUNK = 1 << 24
"""Bytes copied at a time."""


class HubError(RuntimeError):
    """A model that cannot be had; the message names it and the mend."""


@dataclass(frozen=True)
class Found:
    """A model's files on this machine, and the commit they are of."""

    commit: str
    files: Mapping[str, Path]

    def weights(self, name: str) -> list[Path]:
        """The weight files in the order of their names; `HubError` where there are none."""
        if WEIGHTS in self.files:
            return [self.files[WEIGHTS]]
        if INDEX not in self.files:
            raise HubError(
                f"{name} holds no {WEIGHTS}: its weights are in another format, which is never "
                "read; convert it (save_pretrained writes safetensors) and use source: local"
            )
        shards = sorted(set(read_json(self.files[INDEX])["weight_map"].values()))
        absent = [shard for shard in shards if shard not in self.files]
        if absent:
            raise HubError(f"{name}: its index names {absent[0]}, which is not there; fetch again")
        return [self.files[shard] for shard in shards]


def wanted(names: Sequence[str]) -> list[str]:
    """Of a repository's files those that are taken; weights only in their published names."""
    plain = [name for name in names if "/" not in name]
    shards = [name for name in plain if name.startswith("model-") and name.endswith(".safetensors")]
    return [
        name
        for name in plain
        if name in (*NEEDED, TEMPLATE, WEIGHTS)
        or (WEIGHTS not in plain and name in (INDEX, *shards))
    ]


def find(name: str, revision: str, *, offline: bool) -> Found:
    """A model's files in the hub's cache, downloaded first unless offline.

    name: e.g. ``Qwen/Qwen2.5-0.5B``; revision: branch, tag or commit. Raises `HubError`.
    """
    import huggingface_hub as hub

    with _one_sentence(name, revision):
        if offline:
            folder = Path(hub.snapshot_download(name, revision=revision, local_files_only=True))
            present = [file.name for file in folder.iterdir()]
            files = {file: folder / file for file in wanted(present)}
            return Found(folder.name, files)
        info = hub.HfApi().model_info(name, revision=revision)
        listed = wanted([sibling.rfilename for sibling in info.siblings or []])
        if not {WEIGHTS, INDEX} & set(listed):
            Found(str(info.sha), {}).weights(name)
        logger.info("%s at %s: %d files", name, info.sha, len(listed))
        files = {file: Path(hub.hf_hub_download(name, file, revision=info.sha)) for file in listed}
        return Found(str(info.sha), files)


def offline() -> bool:
    """Whether the hub's client was told to ask no server."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def pinned(lock: Path, name: str, revision: str | None) -> str:
    """The commit that an earlier download of the same wish was of; else the wish itself."""
    known = read_json(lock) if lock.is_file() else {}
    return str(known.get(_wish(name, revision), revision or "main"))


def pin(lock: Path, name: str, revision: str | None, commit: str) -> None:
    """Keep the commit for the next download of the same wish."""
    known = read_json(lock) if lock.is_file() else {}
    if known.get(_wish(name, revision)) != commit:
        lock.parent.mkdir(parents=True, exist_ok=True)
        write_json(lock, {**known, _wish(name, revision): commit})


def _wish(name: str, revision: str | None) -> str:
    return f"{name}@{revision or 'newest'}"


def write_folder(found: Found, name: str, targets: Mapping[str, Path]) -> None:
    """Write a found model to the files of one folder.

    targets: where each of `NEEDED` and `WEIGHTS` goes. Raises `HubError` naming what is absent.
    """
    for needed in NEEDED:
        if needed not in found.files:
            raise HubError(
                f"{name} holds no {needed}; save the model with a fast tokenizer and use source: "
                "local"
            )
    shutil.copyfile(found.files["config.json"], targets["config.json"])
    shutil.copyfile(found.files["tokenizer.json"], targets["tokenizer.json"])
    settings = read_json(found.files["tokenizer_config.json"])
    if TEMPLATE in found.files:
        settings["chat_template"] = found.files[TEMPLATE].read_text(encoding="utf-8")
    write_json(targets["tokenizer_config.json"], settings)
    join(found.weights(name), targets[WEIGHTS])


def join(shards: Sequence[Path], target: Path) -> None:
    """One safetensors file from several, tensor bytes unchanged and in the shards' order."""
    if len(shards) == 1:
        shutil.copyfile(shards[0], target)
        return
    merged: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    starts, at = [], 0
    for shard in shards:
        header, start = read_header(shard)
        size = 0
        for tensor, entry in header.items():
            if tensor in merged:
                if tensor != "__metadata__":
                    raise HubError(f"{shard} holds {tensor} a second time; fetch the model again")
                continue
            begin, end = entry["data_offsets"]
            merged[tensor] = {**entry, "data_offsets": [at + begin, at + end]}
            size = max(size, end)
        if shard.stat().st_size != start + size:
            raise HubError(f"{shard} is not whole: its header names other bytes; fetch it again")
        starts.append(start)
        at += size
    text = json.dumps(merged, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with target.open("wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for shard, start in zip(shards, starts, strict=True):
            with shard.open("rb") as source:
                source.seek(start)
                shutil.copyfileobj(source, out, CHUNK)


def read_header(file: Path) -> tuple[dict[str, Any], int]:
    """Header of a safetensors file and where its data start (format version 1)."""
    with file.open("rb") as source:
        (length,) = struct.unpack("<Q", source.read(8))
        return json.loads(source.read(length)), 8 + length


@contextmanager
def _one_sentence(name: str, revision: str) -> Iterator[None]:
    """What the hub's client raises, as `HubError` with the mend."""
    from huggingface_hub import errors

    # The base of the errors of whichever HTTP client the hub's client uses.
    unreachable: Any = errors.HfHubHTTPError.__bases__[0]
    try:
        yield
    except errors.GatedRepoError as error:
        raise HubError(
            f"{name} is gated: accept its licence on huggingface.co with your account, then log in "
            "with `hf auth login` (or set HF_TOKEN) and run again"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise HubError(f"{name} has no revision '{revision}'; name another, or none") from error
    except errors.RepositoryNotFoundError as error:
        raise HubError(
            f"the hub shows no model {name}: mind the spelling of model.id, or log in if it is "
            "private"
        ) from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise HubError(
            f"{name} at '{revision}' is not in the hub's cache on this machine; run once with "
            "network and without model.offline, or set HF_HOME to where the cache lies"
        ) from error
    except (unreachable, ConnectionError) as error:
        raise HubError(
            f"the hub could not be asked for {name} ({type(error).__name__}); check the network, "
            "or set model.offline: true if the model is in the cache"
        ) from error
