"""What SAELens makes of a folder: run under a Python that has it.

    python saelens_reference.py FOLDER ROWS.npy OUT.safetensors

`saelens/` beside this file holds such outputs of SAELens 6.54.12, together with the folders.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from sae_lens import SAE, __version__
from safetensors.torch import save_file

if __name__ == "__main__":
    folder, rows, out = sys.argv[1:]
    torch.set_num_threads(1)
    sae = SAE.load_from_disk(folder, device="cpu")
    h = torch.from_numpy(np.load(rows))
    with torch.no_grad():
        z = sae.encode(h)
        made = {"h": h, "z": z, "reconstruction": sae.decode(z)}
    kept = sae.cfg.metadata
    save_file(
        made,
        out,
        metadata={
            "sae_lens": __version__,
            "architecture": sae.cfg.architecture(),
            "hook_name": str(kept.hook_name),
            "row": str(kept.residue_row),
        },
    )
