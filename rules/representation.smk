"""What the base holds inside: the rows at which edits and SAEs work."""


rule choose_layers:
    input:
        rows=f"{OUT}/records/base/pair{{pair}}/seed0/plain/facts/rows.parquet",
        deck=FACTS_DECK,
        judge=PLAN.config.representation.judge.file or [],
    output:
        scores=f"{OUT}/representation/pair{{pair}}/layers.parquet",
        layers=f"{OUT}/representation/pair{{pair}}/layers.json",
    log:
        f"{OUT}/logs/choose_layers/pair{{pair}}.log",
    benchmark:
        f"{OUT}/benchmarks/choose_layers/pair{{pair}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of("representation", requested=PLAN.requested()),
        code=code_of("choose_layers"),
        io=io_of,
    shell:
        launch.command("choose_layers")


if not PLAN.alone:
    ask("choose_layers", PAIRS)
