"""Rows of every token of the corpus: what lenses and SAEs are fitted on."""


include: "needs/streams.smk"


rule record_stream:
    """Stream `lens`: all rows of base and oracle; stream `sae`: the chosen rows of the base."""
    input:
        corpus=CORPUS,
        model=model_files,
        layers=stream_layers,
    output:
        stream=f"{OUT}/streams/pair{{pair}}/{{role}}/{{stream}}.parquet",
    log:
        f"{OUT}/logs/record_stream/pair{{pair}}-{{role}}-{{stream}}.log",
    benchmark:
        f"{OUT}/benchmarks/record_stream/pair{{pair}}-{{role}}-{{stream}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=gpu(),
    params:
        spec=spec_of(
            stream=lambda wildcards: PLAN.section("streams")[wildcards.stream],
            load=PLAN.load(),
        ),
        code=code_of("record_stream"),
        io=io_of,
    shell:
        launch.command("record_stream")


if PLAN.reads_rows():
    ask("record_stream", [role | {"stream": "lens"} for role in ROLES])
if PLAN.makes_saes():
    ask("record_stream", [pair | {"role": "base", "stream": "sae"} for pair in PAIRS])
