"""What the base holds inside: the rows at which edits and SAEs work."""


include: "needs/representation.smk"


rule judge_rows:
    """A local model on the base's replies, with one row dampened after another."""
    input:
        arm=f"{OUT}/arms/base/pair{{pair}}/seed0/arm.json",
        model=base_files,
        generations=f"{OUT}/records/base/pair{{pair}}/seed0/plain/facts/generations.parquet",
        deck=FACTS_DECK,
        judge=judge_files(),
    output:
        judgements=f"{OUT}/representation/pair{{pair}}/judgements.jsonl",
        replies=f"{OUT}/representation/pair{{pair}}/judged_replies.parquet",
        agreement=f"{OUT}/representation/pair{{pair}}/judge_agreement.parquet",
    log:
        f"{OUT}/logs/judge_rows/pair{{pair}}.log",
    benchmark:
        f"{OUT}/benchmarks/judge_rows/pair{{pair}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=gpu(),
    params:
        spec=spec_of("representation", "records", "statistics"),
        code=code_of("judge_rows"),
        io=io_of,
    shell:
        launch.command("judge_rows")


rule choose_layers:
    input:
        rows=f"{OUT}/records/base/pair{{pair}}/seed0/plain/facts/rows.parquet",
        deck=FACTS_DECK,
        judge=judge_of_rows,
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
    if PLAN.config.representation.judge.model:
        ask("judge_rows", PAIRS)
