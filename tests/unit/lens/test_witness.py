"""TransformerLens reads merged copies as we do; what it cannot read is said, not dropped."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from residue.edits.arms import OpenArm
from residue.edits.methods import lora
from residue.lens import witness
from residue.lens.observation import observe
from residue.lens.selftest import require

PROMPTS = [[1, 5, 9, 30], [1, 44, 7]]
INSTALLED = importlib.util.find_spec("transformer_lens") is not None

# A process of its own: the bridge rewrites the model that it wraps.
READ = """
import sys, numpy as np
from pathlib import Path
from residue.lens.witness import read_with_witness
for folder in sys.argv[2:]:
    prompts = [[int(word) for word in part.split(",")] for part in sys.argv[1].split(";")]
    rows, logits = read_with_witness(Path(folder), prompts)
    np.savez(folder + "/witness.npz", rows=rows, logits=logits)
"""


@pytest.mark.skipif(not INSTALLED, reason="transformer-lens is not installed")
def test_rows_and_logits_agree_for_every_architecture(
    models: dict[str, Any], folders: dict[str, Path], word_tokenizer: Any
) -> None:
    for folder in folders.values():
        tokenizer = word_tokenizer(bos_token="<s>", eos_token="</s>", unk_token="<unk>")
        tokenizer.save_pretrained(folder)
    text = ";".join(",".join(map(str, ids)) for ids in PROMPTS)
    command = [sys.executable, "-c", READ, text, *map(str, folders.values())]
    done = subprocess.run(command, env=os.environ, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    for kind, folder in folders.items():
        found = np.load(folder / "witness.npz")
        seen = observe(models[kind], PROMPTS, 0)
        checks = witness.compare(seen, found["rows"], found["logits"])
        require(checks, kind)
        assert len(checks) == len(seen.rows) + 2
        assert checks[0].note.startswith("transformer-lens ")


def test_a_difference_fails(models: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness.importlib.metadata, "version", lambda _: "0")
    seen = observe(models["gemma2"], PROMPTS, 0)
    uncapped = np.arctanh(seen.logits / 2.0) * 2.0
    failed = {c.check for c in witness.compare(seen, seen.rows, uncapped) if c.status == "failed"}
    assert failed == {"witness_logits", "witness_kl"}


def test_without_the_package_the_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness.importlib.util, "find_spec", lambda _: None)
    reason = witness.cannot_read("LlamaForCausalLM")
    (line,) = witness.skipped(reason)
    assert (line.status, line.note) == ("skipped", "transformer-lens is not installed")
    require([line], "base")


@pytest.mark.skipif(not INSTALLED, reason="transformer-lens is not installed")
def test_an_architecture_that_the_witness_does_not_know_is_named() -> None:
    assert "OpusForCausalLM" in witness.cannot_read("OpusForCausalLM")
    assert witness.cannot_read("Gemma2ForCausalLM") == ""


def test_a_merged_adapter_is_the_attached_one(models: dict[str, Any]) -> None:
    model = deepcopy(models["llama"])
    edits = [lora.Edit(rank=2).attach(model, seed=seed, place=seed) for seed in (1, 2)]
    with torch.no_grad():
        for edit in edits:
            for weight in edit.parameters().values():
                weight.normal_(0, 0.2)
    ids = torch.tensor([PROMPTS[0]])
    with torch.no_grad():
        attached = model(ids).logits
        arm = OpenArm(model, None, {}, edits)
        assert arm.merge() == ""
        assert not arm.edits
        torch.testing.assert_close(model(ids).logits, attached, atol=1e-4, rtol=1e-4)
        assert not torch.allclose(attached, models["llama"](ids).logits, atol=1e-2)
    assert set(model.state_dict()) == set(models["llama"].state_dict())


def test_an_edit_without_merging_is_named_and_nothing_is_changed(models: dict[str, Any]) -> None:
    class Hooked:
        hook = "row 2: input of block 2"

    arm = OpenArm(models["llama"], None, {}, [Hooked()])  # type: ignore[list-item]
    assert "row 2" in arm.merge()
    assert len(arm.edits) == 1
