"""How deep an edit reaches: rows of the oracle and of the arm, put into the base."""

SEEDED = "{arm}/pair{pair}/seed{seed}/{condition}"


rule patch_rows:
    input:
        base=f"{OUT}/arms/base/pair{{pair}}/seed0/arm.json",
        oracle=f"{OUT}/arms/oracle/pair{{pair}}/seed0/arm.json",
        arm=f"{OUT}/arms/{{arm}}/pair{{pair}}/seed{{seed}}/arm.json",
        weights=arm_weights,
        models=lambda wildcards: [
            *model_files_of(wildcards.pair, "base"),
            *model_files_of(wildcards.pair, "oracle"),
        ],
        deck=FACTS_DECK,
        known=f"{OUT}/measurements/known/pair{{pair}}.parquet",
    output:
        patching=f"{OUT}/lens/patching/{SEEDED}.parquet",
    log:
        f"{OUT}/logs/patch_rows/{{arm}}-pair{{pair}}-seed{{seed}}-{{condition}}.log",
    benchmark:
        f"{OUT}/benchmarks/patch_rows/{{arm}}-pair{{pair}}-seed{{seed}}-{{condition}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=gpu(),
    params:
        spec=spec_of(patching=PLAN.patching()),
        code=code_of("patch_rows", named=edit_methods),
        io=io_of,
    shell:
        launch.command("patch_rows")


rule measure_patching:
    input:
        patching=rules.patch_rows.output.patching,
        deck=FACTS_DECK,
    output:
        measurements=f"{OUT}/measurements/{SEEDED}/patching.parquet",
    log:
        f"{OUT}/logs/measure_patching/{{arm}}-pair{{pair}}-seed{{seed}}-{{condition}}.log",
    benchmark:
        f"{OUT}/benchmarks/measure_patching/{{arm}}-pair{{pair}}-seed{{seed}}-{{condition}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(metrics=list(OF_PATCHING)),
        code=code_of(
            "measure_patching",
            named=lambda _: {(METRICS, name) for name in OF_PATCHING},
        ),
        io=io_of,
    shell:
        launch.command("measure_patching")


ask("patch_rows measure_patching", plain_jobs(PLAN.patched()))
