"""What jobs of `rules/outputs.smk` need: files, methods, slices."""


def outputs_of(wildcards):
    """What the config says of the files of one arm."""
    return [fields.plain(each) for each in PLAN.outputs(wildcards.arm)]


def output_files(wildcards):
    seed = int(wildcards.seed)
    return [each.path(seed) for each in PLAN.outputs(wildcards.arm)]


def models_unseen():
    """Wildcard constraint: the arms that are known by their outputs alone."""
    return "|".join({run["arm"]: "" for run in READ}) or "no-arms"
