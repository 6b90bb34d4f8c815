"""The hub's cache as a source of models: what is taken, in which form, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file

from residue.models import hub
from residue.models.loading import load_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "somebody/tiny"


@pytest.fixture
def cache(
    tmp_path: Path, models: dict[str, Any], word_tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A snapshot in the layout of the hub's cache: weights in several files, code, a pickle."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "cache" / "models--somebody--tiny"
    snapshot = folder / "snapshots" / COMMIT
    models["llama"].save_pretrained(snapshot, max_shard_size="10KB")
    word_tokenizer(eos_token="</s>", bos_token="<s>", unk_token="<unk>").save_pretrained(snapshot)
    (snapshot / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    (snapshot / "modeling_tiny.py").write_text("raise SystemExit")
    (snapshot / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    return snapshot


def fetch(target: Path, **options: Any) -> hub.Found:
    target.mkdir()
    found = hub.find(NAME, options.pop("revision", "main"), offline=True)
    hub.write_folder(found, NAME, {n: target / n for n in (*hub.NEEDED, hub.WEIGHTS)})
    return found


def test_a_fetched_model_is_the_published_one(
    cache: Path, tmp_path: Path, models: dict[str, Any]
) -> None:
    assert len(list(cache.glob("model-*.safetensors"))) > 2
    found = fetch(tmp_path / "out")
    assert found.commit == COMMIT
    assert {file.name for file in (tmp_path / "out").iterdir()} == {*hub.NEEDED, hub.WEIGHTS}
    model, tokenizer = load_model(tmp_path / "out")
    ids = torch.tensor([[1, 5, 9, 11]])
    assert torch.equal(model(ids).logits, models["llama"](ids).logits)
    assert tokenizer.chat_template == "{{ messages }}"


def test_files_joined_hold_every_tensor_once(cache: Path, tmp_path: Path) -> None:
    shards = sorted(cache.glob("model-*.safetensors"))
    hub.join(shards, tmp_path / "one.safetensors")
    joined = load_file(tmp_path / "one.safetensors")
    apart = {name: each for shard in shards for name, each in load_file(shard).items()}
    assert joined.keys() == apart.keys()
    assert all(torch.equal(joined[name], apart[name]) for name in apart)
    shards[0].write_bytes(shards[0].read_bytes()[:-4])
    with pytest.raises(hub.HubError, match="is not whole"):
        hub.join(shards, tmp_path / "two.safetensors")


def test_a_missing_shard_pickles_alone_and_an_unknown_model_are_named(
    cache: Path, tmp_path: Path
) -> None:
    next(cache.glob("model-*.safetensors")).unlink()
    with pytest.raises(hub.HubError, match="its index names model-0"):
        fetch(tmp_path / "out")
    (cache / hub.INDEX).unlink()
    with pytest.raises(hub.HubError, match="never read; convert it"):
        fetch(tmp_path / "again")
    with pytest.raises(hub.HubError, match=r"nobody/none at 'main' is not in the hub's cache"):
        hub.find("nobody/none", "main", offline=True)
    with pytest.raises(hub.HubError, match="not in the hub's cache"):
        fetch(tmp_path / "other", revision="v2")


def test_a_repository_keeps_its_code_and_pickles_to_itself() -> None:
    names = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors",
             "model-00001-of-00002.safetensors", "model.safetensors.index.json",
             "code.py", "pytorch_model.bin", "original/model.safetensors",
             "consolidated.safetensors"]  # fmt: skip
    assert hub.wanted(names) == names[:4]
    assert hub.wanted(names[4:]) == names[4:6]


def test_the_first_download_pins_its_commit(tmp_path: Path) -> None:
    lock = tmp_path / "models" / "hub.lock.json"
    assert hub.pinned(lock, NAME, None) == "main"
    hub.pin(lock, NAME, None, COMMIT)
    hub.pin(lock, NAME, "v2", "f" * 40)
    assert hub.pinned(lock, NAME, None) == COMMIT
    assert hub.pinned(lock, NAME, "v2") == "f" * 40
    assert hub.pinned(lock, NAME, "v3") == "v3"
    assert len(json.loads(lock.read_text())) == 2


def test_what_the_client_raises_becomes_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub import errors

    base = errors.HfHubHTTPError.__bases__[0]
    cases = [
        (errors.GatedRepoError, "accept its licence"),
        (errors.RepositoryNotFoundError, "mind the spelling"),
        (errors.RevisionNotFoundError, "has no revision 'main'"),
    ]
    for kind, sentence in cases:
        made = kind.__new__(kind)

        def refuse(*_: Any, error: Exception = made, **__: Any) -> Any:
            raise error

        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", refuse)
        with pytest.raises(hub.HubError, match=sentence):
            hub.find(NAME, "main", offline=False)

    def unreachable(*_: Any, **__: Any) -> Any:
        raise base("no route to host")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unreachable)
    with pytest.raises(hub.HubError, match="check the network"):
        hub.find(NAME, "main", offline=False)
