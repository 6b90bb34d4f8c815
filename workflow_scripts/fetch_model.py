"""Download a model from the hub once, or take it from the hub's cache; say which commit it is."""

import logging

from residue import stage
from residue.core.provenance import file_digest
from residue.models.hub import find, offline, pin, pinned, write_folder

OUTPUTS = {
    "config.json": "config",
    "model.safetensors": "weights",
    "tokenizer.json": "tokenizer",
    "tokenizer_config.json": "tokenizer_config",
}

with stage.open() as job:
    name, revision = (job.part("model")[key] for key in ("id", "revision"))
    lock = job.folder.parent / "hub.lock.json"
    found = find(name, pinned(lock, name, revision), offline=offline())
    targets = {file: job.output(output) for file, output in OUTPUTS.items()}
    write_folder(found, name, targets)
    pin(lock, name, revision, found.commit)
    logging.getLogger("residue").info("%s at %s", name, found.commit)
    digests = {file: file_digest(target) for file, target in targets.items()}
    job.write_json("origin", {"id": name, "commit": found.commit, "sha256": digests})
