"""Whether every model is what a lens takes it for, asked before any lens table is made from it."""


include: "needs/selftest.smk"


rule self_test:
    """Early: where it fails no further job starts."""
    input:
        arm=f"{OUT}/arms/{MODEL}/arm.json",
        weights=arm_weights,
        model=arm_base_files,
        head=arm_head,
        deck=FACTS_DECK,
    output:
        checks=f"{OUT}/lens/selftest/{MODEL}.parquet",
    log:
        f"{OUT}/logs/self_test/{{arm}}-pair{{pair}}-seed{{seed}}.log",
    benchmark:
        f"{OUT}/benchmarks/self_test/{{arm}}-pair{{pair}}-seed{{seed}}.tsv"
    priority: 8
    conda:
        ENV
    threads: 1
    resources:
        gpu=gpu(),
    params:
        spec=spec_of(),
        code=code_of("self_test", named=edit_methods),
        io=io_of,
    shell:
        launch.command("self_test")


rule witness:
    """Always on the CPU: it compares numbers, and two machines round differently."""
    input:
        arm=f"{OUT}/arms/{MODEL}/arm.json",
        weights=arm_weights,
        model=arm_base_files,
        deck=FACTS_DECK,
    output:
        checks=f"{OUT}/lens/witness/{MODEL}.parquet",
    log:
        f"{OUT}/logs/witness/{{arm}}-pair{{pair}}-seed{{seed}}.log",
    benchmark:
        f"{OUT}/benchmarks/witness/{{arm}}-pair{{pair}}-seed{{seed}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(),
        code=code_of("witness", named=edit_methods),
        io=io_of,
    shell:
        launch.command("witness")


if PLAN.reads_rows():
    ask("self_test", RUNS)
ask("witness", plain_jobs(PLAN.witnessed()))
