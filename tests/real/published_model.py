"""The published tables of one model, as trajectories, with what most comparisons need of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from published_known_wrong import named_gates
from published_ledger import Ledger
from published_tables import PAIR_COLUMNS, Published, adapted, adapted_pairs, trajectories

from residue.lens.summaries import confirmation, milestones
from residue.lens.summaries.trajectories import RUN, Trajectories

START = 0
"""Published scans begin at row 0."""
PRIMARY = "0/orig"
ORDER = [f"{k}/{variant}" for k in range(5) for variant in ("orig", "no_filler")] + ["control"]
QUARTERS = ("p25", "p50", "p75")


class Model:
    """The tables of one model with our summaries of them."""

    def __init__(self, folder: Path, model: str) -> None:
        self.files = Published(folder, model)
        self.ledger = Ledger()
        self.table = self.files.main
        assert self.table is not None
        self.norm = trajectories(adapted(self.table, "norm", model))
        self.n = self.norm.last
        self.vocabulary = int(self.files.get("model_stats/d_vocab"))
        self.named = named_gates(model)
        self.semantic = milestones.semantic(self.norm, START)
        self.gates = milestones.gate_milestones(self.norm, self.vocabulary, start=START)
        self.prism = self.side("pure-next-token-prism", "prism")
        self.tuned = self.side("pure-next-token-tuned", "tuned")
        pairs = self.files.table("pure-next-token-rawlens")
        self.pairs: Trajectories | None = None
        if pairs is None:
            self.ledger.skip("raw against norm", "no pure-next-token-rawlens table")
        else:
            names = [name for name in PAIR_COLUMNS.values() if name != "row"]
            self.pairs = Trajectories.of(adapted_pairs(pairs, model), names)
        read = self.published("tuned_lens/status") == "loaded"
        self.confirmable = self.pairs is not None and (self.tuned is not None or not read)
        """Whether every lens that confirmed there is there to confirm here."""
        self.numbers: dict[str, float] = {}

    def side(self, name: str, lens: str) -> Trajectories | None:
        """A side table in our columns, or None with a note that it is missing."""
        table = self.files.table(name)
        if table is None:
            self.ledger.skip(f"{lens} lens", f"no {name} table")
            return None
        return trajectories(adapted(table, lens, self.files.model))

    def published(self, dotted: str) -> Any:
        return self.files.get(dotted)

    def diagnosed(self, dotted: str) -> Any:
        return self.files.get(f"diagnostics/{dotted}")

    def confirm(self) -> confirmation.Confirmation:
        """Confirmed semantics of all prompts, by the raw and tuned lenses where published."""
        others: dict[str, Trajectories] = {}
        key = [*RUN, "item"]
        if self.pairs is not None:
            raw = Trajectories(self.pairs.keys, self.pairs.rows,
                               {"answer_rank": self.pairs["answer_rank_raw"]})  # fmt: skip
            others["raw"] = raw.like(self.norm, key)
        if self.tuned is not None:
            others["tuned"] = self.tuned.like(self.norm, key)
        self.others = others
        return confirmation.confirm(self.semantic, others, 2, START)
