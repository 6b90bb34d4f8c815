"""Models that are known by files of what they said."""


include: "needs/outputs.smk"


rule read_records:
    """What `record` writes of what a model says, from files."""
    input:
        files=output_files,
        deck=FACTS_DECK,
    output:
        generations=f"{OUT}/records/{{arm}}/pair{{pair}}/seed{{seed}}/plain/facts/generations.parquet",
        values=f"{OUT}/records/{{arm}}/pair{{pair}}/seed{{seed}}/plain/facts/values.parquet",
    log:
        f"{OUT}/logs/read_records/{{arm}}-pair{{pair}}-seed{{seed}}.log",
    benchmark:
        f"{OUT}/benchmarks/read_records/{{arm}}-pair{{pair}}-seed{{seed}}.tsv"
    wildcard_constraints:
        arm=models_unseen(),
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(sources=outputs_of),
        code=code_of("read_records"),
        io=io_of,
    shell:
        launch.command("read_records")


ask("read_records", READ)
