"""TransformerLens reads the same rows and logits as the recorder, for Llama and GPT-NeoX."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import transformers

from residue.models.head import read_head
from residue.records import recorder
from residue.specs.records import RecordsSpec
from tests.unit.records.conftest import llama_config, random_model

pytest.importorskip("transformer_lens", reason="TransformerLens is installed by `make test` only")

# A process of its own: the bridge rewrites the model that it wraps.
WITNESS = """
import sys, numpy as np, torch
from transformer_lens.model_bridge import TransformerBridge
folder, n_blocks = sys.argv[1], int(sys.argv[2])
bridge = TransformerBridge.boot_transformers(folder, device="cpu")
ids = torch.tensor([[int(word) for word in sys.argv[3].split(",")]])
with torch.no_grad():
    logits, cache = bridge.run_with_cache(ids)
names = ["blocks.0.hook_resid_pre", *(f"blocks.{l}.hook_resid_post" for l in range(n_blocks))]
rows = np.stack([cache[name][0, -1].numpy() for name in names])
np.savez(folder + "/witness.npz", rows=rows, logits=logits[0, -1].numpy())
"""


def neox_config() -> Any:
    return transformers.GPTNeoXConfig(
        hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=24,
        max_position_embeddings=64, vocab_size=31, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip


@pytest.mark.parametrize("config", [llama_config(), neox_config()], ids=["llama", "gpt_neox"])
def test_rows_and_logits_agree(config: Any, tokenizer: Any, tmp_path: Path) -> None:
    model = random_model(config).eval()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    items = pd.DataFrame(
        {"item": ["a"], "prompt": ["peru is"], "answers": [["lima"]], "witness": [""]}
    )
    batch = next(iter(recorder.record(model, tokenizer, items, RecordsSpec(places=("last",)))))
    ids = [1, *tokenizer.encode("peru is", add_special_tokens=False)]
    n_blocks = config.num_hidden_layers
    command = [sys.executable, "-c", WITNESS, str(tmp_path), str(n_blocks), ",".join(map(str, ids))]
    done = subprocess.run(command, env=os.environ | {"HF_HUB_OFFLINE": "1"}, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    witness = np.load(tmp_path / "witness.npz")
    rows = batch.rows.to_pandas()
    ours = np.stack([rows[f"row_{row}"].iloc[0] for row in range(n_blocks + 1)])
    np.testing.assert_allclose(ours, witness["rows"], atol=2e-5, rtol=1e-4)
    logits = read_head(tmp_path).logits(ours[-1])
    np.testing.assert_allclose(logits, witness["logits"], atol=5e-5, rtol=1e-4)
