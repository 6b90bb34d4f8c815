"""What jobs of `rules/depth.smk` need: files, methods, slices."""


def lens_table(lens, arm):
    return f"{OUT}/lens/tables/{lens}/{arm}.parquet"


def depth_methods(wildcards):
    """The metrics of the lens deck."""
    return {(METRICS, name) for name in PLAN.section("measures")["metrics"]["lens"]}


def first_seed(arm):
    return 0 if arm in UNEDITED else PLAN.config.arms[arm].seeds[0]


def traced_arm(wildcards):
    seed = first_seed(wildcards.arm)
    return f"{OUT}/arms/{wildcards.arm}/pair0/seed{seed}/arm.json"


def traced_weights(wildcards):
    if wildcards.arm in UNEDITED:
        return []
    return f"{OUT}/arms/{wildcards.arm}/pair0/seed{first_seed(wildcards.arm)}/weights"


def depth_figures():
    """Curves of each lens, then the traced prompts of each edited arm."""
    if not PLAN.reads_rows():
        return []
    curves = [f"depth_{lens}" for lens in PLAN.config.depth.lenses]
    traces = [f"trace_{arm}" for arm in PLAN.edited() if PLAN.config.depth.traced]
    return [f"{OUT}/report/figures/{name}.svg" for name in curves + traces]
