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
