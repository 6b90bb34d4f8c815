"""The setting: data, models and software of the run, what it cost, and how each arm was made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from residue.report.markup import definitions, escape, table
from residue.report.page import Page
from residue.report.words import plural

TITLE = "Data, models and cost"


def section(page: Page) -> str:
    """One definition list per heading that the run supplied, then what the manifests say."""
    parts = [
        f"<h3>{escape(heading)}</h3>{definitions(facts)}" for heading, facts in page.facts.items()
    ]
    if page.jobs:
        parts.append(f"<h3>Run</h3>{definitions(run_facts(page.jobs))}")
        parts.append(_arms(page.jobs))
        parts.append(
            "<details><summary>Cost of each stage behind this page</summary>"
            f"{_stages(page.jobs)}</details>"
        )
    return "\n".join(parts)


def run_facts(jobs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Machine, versions, CPU-seconds and peak memory of the jobs behind the page."""
    versions: dict[str, set[str]] = {}
    for job in jobs:
        for name, version in job["versions"].items():
            versions.setdefault(name, set()).add(str(version))
    cpu = sum(float(job["cpu_seconds"]) for job in jobs)
    largest = max(jobs, key=lambda job: float(job["peak_memory_mb"]))
    return {
        "Hardware": ", ".join(sorted({str(job["device"]) for job in jobs})),
        "Versions": ", ".join(
            f"{name} {' and '.join(sorted(found))}" for name, found in sorted(versions.items())
        ),
        "Cost": f"{cpu:,.0f} CPU-seconds in {plural(len(jobs), 'job')}",
        "Peak memory": f"{float(largest['peak_memory_mb']):,.0f} MB ({largest['stage']})",
    }


def how_made(jobs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Arm → its edit and objective, step by step, in the words of the config."""
    made = {}
    for job in jobs:
        arm, steps = job["spec"].get("wildcards", {}).get("arm"), job["spec"].get("arm", {})
        if job["stage"] == "train_arm" and arm and isinstance(steps, Mapping):
            told = [
                " ".join(
                    str(part["name"]).replace("_", " ")
                    for part in (step.get("edit"), step.get("objective"))
                    if part
                )
                for step in steps.get("steps", [])
            ]
            made[str(arm)] = ", then ".join(filter(None, told))
    return made


def _stages(jobs: Sequence[Mapping[str, Any]]) -> str:
    stages: dict[str, list[Mapping[str, Any]]] = {}
    for job in jobs:
        stages.setdefault(str(job["stage"]), []).append(job)
    cost = {name: sum(float(job["cpu_seconds"]) for job in mine) for name, mine in stages.items()}
    rows = [
        [
            escape(name),
            str(len(stages[name])),
            f"{cost[name]:,.1f}",
            f"{max(float(job['peak_memory_mb']) for job in stages[name]):,.0f}",
        ]
        for name in sorted(stages, key=lambda name: -cost[name])
    ]
    return table(("Stage", "Jobs", "CPU-seconds", "Peak MB"), rows)


def _arms(jobs: Sequence[Mapping[str, Any]]) -> str:
    """What the manifests of training say that each arm is."""
    made: dict[str, str] = {}
    for job in jobs:
        arm = job["spec"].get("wildcards", {}).get("arm")
        if job["stage"] == "train_arm" and arm:
            spec = {k: v for k, v in job["spec"].items() if k != "wildcards"}
            made[str(arm)] = json.dumps(spec, ensure_ascii=False, sort_keys=True)
    if not made:
        return ""
    rows = [[escape(arm), f'<div class="wider"><code>{escape(text)}</code></div>']
            for arm, text in made.items()]  # fmt: skip
    return (
        "<details><summary>How each edited model was made, in full</summary>"
        f"{table(('Model', 'Settings'), rows, stacked=True)}</details>"
    )
