"""The facts, the groups, the items: everything that is asked, and its audit."""

FACTS = "data/facts.tsv"


rule build_decks:
    input:
        facts=FACTS,
    output:
        countries=f"{OUT}/world/countries.parquet",
        facts_deck=f"{OUT}/world/decks/facts.parquet",
        orders_deck=f"{OUT}/world/decks/orders.parquet",
    log:
        f"{OUT}/logs/build_decks.log",
    benchmark:
        f"{OUT}/benchmarks/build_decks.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(world=PLAN.items_world()),
        code=code_of("build_decks"),
        io=io_of,
    shell:
        launch.command("build_decks")


rule build_edit_data:
    input:
        facts=FACTS,
    output:
        edit_data=f"{OUT}/world/edit_data.parquet",
    log:
        f"{OUT}/logs/build_edit_data.log",
    benchmark:
        f"{OUT}/benchmarks/build_edit_data.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(world=PLAN.edit_world()),
        code=code_of("build_edit_data"),
        io=io_of,
    shell:
        launch.command("build_edit_data")


rule train_tokenizer:
    input:
        facts=FACTS,
    output:
        tokenizer=f"{OUT}/models/tokenizer/tokenizer.json",
        config=f"{OUT}/models/tokenizer/tokenizer_config.json",
    log:
        f"{OUT}/logs/train_tokenizer.log",
    benchmark:
        f"{OUT}/benchmarks/train_tokenizer.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(world=PLAN.tokenizer_world()),
        code=code_of("train_tokenizer"),
        io=io_of,
    shell:
        launch.command("train_tokenizer")


rule audit_world:
    """Stops the run on a leak; models wait for it but do not depend on what it says."""
    input:
        decks=[
            rules.build_decks.output.facts_deck,
            rules.build_decks.output.orders_deck,
        ],
        edit_data=rules.build_edit_data.output.edit_data,
        tokenizer=tokenizer_files(),
    output:
        audit=f"{OUT}/world/audit.parquet",
    log:
        f"{OUT}/logs/audit_world.log",
    benchmark:
        f"{OUT}/benchmarks/audit_world.tsv"
    priority: 10
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of("statistics"),
        code=code_of("audit_world"),
        io=io_of,
    shell:
        launch.command("audit_world")
