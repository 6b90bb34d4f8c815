"""What jobs of `rules/report.smk` need: files, methods, slices."""


def page_methods(wildcards):
    """Sections of the page, and the metrics whose titles it shows."""
    sections = {(PAGE_SECTIONS, name) for name in PLAN.config.report.sections}
    return sections | {
        (METRICS, each.metric) for each in PLAN.config.estimands.values()
    }
