"""What loading refuses, and what it does not import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from residue.models.loading import load_model


def test_missing_config_and_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="config.json does not exist"):
        load_model(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "llama"}', encoding="utf-8")
    with pytest.raises(FileNotFoundError, match="safetensors"):
        load_model(tmp_path)


def test_pickled_weights_are_not_read(models: dict[str, Any], tmp_path: Path) -> None:
    models["llama"].config.save_pretrained(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(FileNotFoundError, match="no .safetensors"):
        load_model(tmp_path)


def test_an_incomplete_model_is_refused(models: dict[str, Any], tmp_path: Path) -> None:
    models["llama"].save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="lack 1 tensors.*layers.1.mlp.up_proj"):
        load_model(tmp_path)


def test_remote_code_is_never_run(models: dict[str, Any], tmp_path: Path) -> None:
    models["llama"].save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "mine", "auto_map": {"AutoModelForCausalLM": "code.Mine"}}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ValueError, match="remote code"):
        load_model(tmp_path)


def test_loading_imports_no_compiler_and_no_scipy(
    models: dict[str, Any], tmp_path: Path, word_tokenizer: Any
) -> None:
    models["llama"].save_pretrained(tmp_path)
    word_tokenizer(eos_token="</s>", unk_token="<unk>").save_pretrained(tmp_path)
    program = (
        "import sys, torch; from residue.models.loading import load_model; "
        f"model, _ = load_model({str(tmp_path)!r}); model(torch.tensor([[1, 2]])); "
        "heavy = {'torch._dynamo', 'sympy', 'scipy', 'pandas', 'torch.distributed.tensor'}; "
        "sys.exit(' '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
