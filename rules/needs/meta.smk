"""What jobs of `rules/meta.smk` need: files, methods, slices."""

PUBLISHED = "data/published_metric_scores.tsv"


def tried_methods(wildcards):
    """The metrics that may be on trial; whether one is stands in its file."""
    measured = PLAN.config.measures.metrics
    names = {*measured.get("facts", ()), *measured["lens"], *OF_PATCHING}
    return {(METRICS, name) for name in names}
