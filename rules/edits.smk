"""The edits: one job per arm, pair and training seed."""


def trained_arms():
    """Wildcard constraint: the arms of the config, never base or oracle."""
    return "|".join(PLAN.config.arms) or "no-arms"


def recipe_of(wildcards):
    """The steps of one arm; the list of its seeds is no part of what one seed depends on."""
    return {"steps": PLAN.section("arms")[wildcards.arm]["steps"]}


def training_methods(wildcards):
    """Method files that train an arm: its edits and their objectives."""
    steps = PLAN.config.arms[wildcards.arm].steps
    trained = {(OBJECTIVES, s.objective["name"]) for s in steps if s.objective}
    return edit_methods(wildcards) | trained


def arm_needs(wildcards):
    """What the edits of an arm read beside model and edit data: layers, sae, features."""
    steps = PLAN.config.arms[wildcards.arm].steps
    return frozenset().union(*(step.needs() for step in steps))


def arm_layers(wildcards):
    """The chosen rows, for edits that name no row of their own."""
    needed = arm_needs(wildcards)
    return f"{OUT}/representation/pair{wildcards.pair}/layers.json" if needed else []


def arm_saes(wildcards):
    """The SAE of each chosen row, and its features for edits that pick some of them."""
    needed = arm_needs(wildcards) & {"sae", "features"}
    names = ["cfg.json", "sae_weights.safetensors"] if needed else []
    names += ["features.parquet"] if "features" in needed else []
    choices = PLAN.config.representation.select if needed else 0
    return [
        f"{OUT}/sae/pair{wildcards.pair}/choice{choice}/{name}"
        for choice in range(choices)
        for name in names
    ]


rule train_arm:
    input:
        model=base_files,
        edit_data=EDIT_DATA,
        layers=arm_layers,
        saes=arm_saes,
    output:
        weights=directory(f"{OUT}/arms/{{arm}}/pair{{pair}}/seed{{seed}}/weights"),
        history=f"{OUT}/arms/{{arm}}/pair{{pair}}/seed{{seed}}/history.parquet",
        arm=f"{OUT}/arms/{{arm}}/pair{{pair}}/seed{{seed}}/arm.json",
    log:
        f"{OUT}/logs/train_arm/{{arm}}-pair{{pair}}-seed{{seed}}.log",
    benchmark:
        f"{OUT}/benchmarks/train_arm/{{arm}}-pair{{pair}}-seed{{seed}}.tsv"
    wildcard_constraints:
        arm=trained_arms(),
    conda:
        ENV
    threads: 1
    resources:
        gpu=gpu(),
    params:
        spec=spec_of(arm=recipe_of, load=PLAN.load()),
        code=code_of("train_arm", named=training_methods),
        io=io_of,
    shell:
        launch.command("train_arm")


rule describe_arm:
    """The head of an arm whose edits change it; all others have their base's."""
    input:
        arm=f"{OUT}/arms/{{arm}}/pair{{pair}}/seed{{seed}}/arm.json",
        weights=arm_weights,
        model=base_files,
        head=lambda wildcards: head_files(wildcards.pair, "base"),
    output:
        head=f"{OUT}/arms/{{arm}}/pair{{pair}}/seed{{seed}}/head.safetensors",
        arch=f"{OUT}/arms/{{arm}}/pair{{pair}}/seed{{seed}}/arch.json",
    log:
        f"{OUT}/logs/describe_arm/{{arm}}-pair{{pair}}-seed{{seed}}.log",
    benchmark:
        f"{OUT}/benchmarks/describe_arm/{{arm}}-pair{{pair}}-seed{{seed}}.tsv"
    wildcard_constraints:
        arm=trained_arms(),
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(),
        code=code_of("describe_arm", named=edit_methods),
        io=io_of,
    shell:
        launch.command("describe_arm")


ask("train_arm", EDITED)
ask("describe_arm", [run for run in EDITED if has_own_head(run["arm"])])
