"""Users' own items in place of the embedded world's."""


include: "needs/data.smk"


rule read_data:
    """Decks and edit data from users' files, and a list of everything wrong with those."""
    input:
        files=PLAN.config.data.files(),
        orders=PLAN.config.data.order_files(),
    output:
        **orders_of_users(),
        countries=CLUSTERS,
        facts_deck=FACTS_DECK,
        edit_data=EDIT_DATA,
        faults=FAULTS,
    log:
        f"{OUT}/logs/read_data.log",
    benchmark:
        f"{OUT}/benchmarks/read_data.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of("data"),
        code=code_of("read_data"),
        io=io_of,
    shell:
        launch.command("read_data")


rule read_corpus:
    """Texts for the fits of lenses and SAEs: whatever models are asked or edits are shown."""
    input:
        deck=FACTS_DECK,
        edit_data=EDIT_DATA,
    output:
        corpus=CORPUS,
    log:
        f"{OUT}/logs/read_corpus.log",
    benchmark:
        f"{OUT}/benchmarks/read_corpus.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(streams=PLAN.corpus_part()),
        code=code_of("read_corpus"),
        io=io_of,
    shell:
        launch.command("read_corpus")


ask("read_data read_corpus")
