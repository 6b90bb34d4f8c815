"""The items of a run that has files of outputs and nothing else."""


rule read_asked:
    """Whatever any model was asked, as a deck."""
    input:
        files=[path for _, path in PLAN.output_files()],
    output:
        countries=CLUSTERS,
        facts_deck=FACTS_DECK,
        faults=FAULTS,
    log:
        f"{OUT}/logs/read_asked.log",
    benchmark:
        f"{OUT}/benchmarks/read_asked.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(sources=[fields.plain(each) for each, _ in PLAN.output_files()]),
        code=code_of("read_asked"),
        io=io_of,
    shell:
        launch.command("read_asked")


ask("read_asked")
