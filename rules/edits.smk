"""The edits: one job per arm, pair and training seed."""


include: "needs/edits.smk"


rule train_arm:
    input:
        model=base_files,
        edit_data=arm_edit_data,
        defence=arm_defence,
        layers=arm_layers,
        saes=arm_saes,
        lens=arm_lens,
        after=arm_before,
    output:
        weights=directory(f"{OUT}/arms/{{arm}}/pair{{pair}}/seed{{seed}}/weights"),
        history=f"{OUT}/arms/{{arm}}/pair{{pair}}/seed{{seed}}/history.parquet",
        arm=f"{OUT}/arms/{{arm}}/pair{{pair}}/seed{{seed}}/arm.json",
    log:
        f"{OUT}/logs/train_arm/{{arm}}-pair{{pair}}-seed{{seed}}.log",
    benchmark:
        f"{OUT}/benchmarks/train_arm/{{arm}}-pair{{pair}}-seed{{seed}}.tsv"
    wildcard_constraints:
        arm=edited_arms(True),
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


rule adopt_edit:
    """A model or an adapter that others made, as an arm of one step."""
    input:
        model=base_files,
        given=files_of_others,
    output:
        weights=directory(f"{OUT}/arms/{{arm}}/pair{{pair}}/seed{{seed}}/weights"),
        arm=f"{OUT}/arms/{{arm}}/pair{{pair}}/seed{{seed}}/arm.json",
    log:
        f"{OUT}/logs/adopt_edit/{{arm}}-pair{{pair}}-seed{{seed}}.log",
    benchmark:
        f"{OUT}/benchmarks/adopt_edit/{{arm}}-pair{{pair}}-seed{{seed}}.tsv"
    wildcard_constraints:
        arm=edited_arms(False),
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(kind=lambda wildcards: PLAN.config.arms[wildcards.arm].kind),
        code=code_of("adopt_edit", named=edit_methods),
        io=io_of,
    shell:
        launch.command("adopt_edit")


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
        arm=edited_arms(),
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


for rule_name, made_here in (("train_arm", True), ("adopt_edit", False)):
    ask(
        rule_name,
        [run for run in EDITED if PLAN.config.arms[run["arm"]].trained == made_here],
    )
ask("describe_arm", [run for run in EDITED if has_own_head(run["arm"])])
