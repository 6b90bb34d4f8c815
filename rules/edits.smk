"""The edits: one job per arm, pair and training seed."""


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
        spec=spec_of(arm=recipe_of),
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
