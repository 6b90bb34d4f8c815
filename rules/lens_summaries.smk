"""What the lens tables of an arm say: milestones, controls, ablations, audits, guidance."""


rule summarise_lens:
    input:
        tables=expand(
            f"{OUT}/lens/tables/{{lens}}/{{{{arm}}}}.parquet",
            lens=PLAN.config.lens.decoders,
        ),
        pairs=f"{OUT}/lens/tables/pairs/{{arm}}.parquet",
        deck=LENS_DECK,
        tokenizer=tokenizer_files(),
        head=f"{OUT}/models/pair0/base.arch.json",
    output:
        milestones=f"{OUT}/lens/summaries/{{arm}}/milestones.parquet",
        controls=f"{OUT}/lens/summaries/{{arm}}/controls.parquet",
        ablations=f"{OUT}/lens/summaries/{{arm}}/ablations.parquet",
        audits=f"{OUT}/lens/summaries/{{arm}}/audits.parquet",
        guidance=f"{OUT}/lens/summaries/{{arm}}/guidance.parquet",
    log:
        f"{OUT}/logs/summarise_lens/{{arm}}.log",
    benchmark:
        f"{OUT}/benchmarks/summarise_lens/{{arm}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of("lens_summaries"),
        code=code_of("summarise_lens"),
        io=io_of,
    shell:
        launch.command("summarise_lens")


if PLAN.reads_rows():
    ask("summarise_lens", ARMS)
