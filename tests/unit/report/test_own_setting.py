"""What the page says of users' files."""

from __future__ import annotations

import pandas as pd

from residue.report.setting import own_setting


def test_the_page_counts_what_was_left_out_and_repaired() -> None:
    rows = [("f", 0, "no cluster", True), ("f", 3, "not JSON", False), ("f", 9, "not JSON", False),
            ("r", 1, "stray quotes", True)]  # fmt: skip
    faults = pd.DataFrame(rows, columns=["file", "line", "kind", "kept"]).assign(note="so it is")
    clusters = pd.DataFrame({"country": ["a", "b"], "group": "forget", "role": ["test", "relearn"]})
    arch = {"model_type": "llama", "n_blocks": 2, "width": 4, "vocabulary": 9}
    data = {"files": ["f", "r"], "seed": 0}
    said = own_setting(clusters, pd.DataFrame({"n_items": [3, 4]}), faults, arch, data)["Data"]
    assert said["Lines left out"] == "2 × not JSON"
    assert said["Lines repaired"] == "1 × stray quotes"
    assert said["To know"] == "f: so it is"
    assert said["Items"] == "7"
    empty = own_setting(clusters, pd.DataFrame({"n_items": [3]}), faults[:0], arch, data)["Data"]
    assert (empty["Lines left out"], empty["Lines repaired"]) == ("none", "none")
