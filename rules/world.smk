"""The embedded world: its facts, groups and items, what an edit is shown, its tokenizer."""


rule invent_facts:
    """Countries that no model has read of, in the form of the fact table."""
    input:
        real=REAL_FACTS,
    output:
        facts=f"{OUT}/world/facts.tsv",
    log:
        f"{OUT}/logs/invent_facts.log",
    benchmark:
        f"{OUT}/benchmarks/invent_facts.tsv"
    priority: 10
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(world=PLAN.invented_world()),
        code=code_of("invent_facts"),
        io=io_of,
    shell:
        launch.command("invent_facts")


rule build_decks:
    input:
        facts=FACTS,
    output:
        countries=CLUSTERS,
        facts_deck=FACTS_DECK,
        lens_deck=f"{OUT}/world/decks/lens.parquet",
        orders_deck=f"{OUT}/world/decks/orders.parquet",
    log:
        f"{OUT}/logs/build_decks.log",
    benchmark:
        f"{OUT}/benchmarks/build_decks.tsv"
    priority: 10
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(
            world=PLAN.items_world(), order_items=PLAN.section("orders")["items"]
        ),
        code=code_of("build_decks"),
        io=io_of,
    shell:
        launch.command("build_decks")


rule build_edit_data:
    input:
        facts=FACTS,
    output:
        edit_data=EDIT_DATA,
    log:
        f"{OUT}/logs/build_edit_data.log",
    benchmark:
        f"{OUT}/benchmarks/build_edit_data.tsv"
    priority: 10
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


rule build_edit_data_everywhere:
    """For arms with a step that forgets in a language in which nobody asked."""
    input:
        facts=FACTS,
    output:
        edit_data=EDIT_DATA_EVERYWHERE,
    log:
        f"{OUT}/logs/build_edit_data_everywhere.log",
    benchmark:
        f"{OUT}/benchmarks/build_edit_data_everywhere.tsv"
    priority: 10
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(world=PLAN.edit_world()),
        code=code_of("build_edit_data_everywhere"),
        io=io_of,
    shell:
        launch.command("build_edit_data_everywhere")


rule build_defence_data:
    """Hidden orders that a defence is shown, with clean twins and what it must keep."""
    input:
        facts=FACTS,
    output:
        defence_data=DEFENCE_FILE,
    log:
        f"{OUT}/logs/build_defence_data.log",
    benchmark:
        f"{OUT}/benchmarks/build_defence_data.tsv"
    priority: 10
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(world=PLAN.edit_world(), defence=PLAN.section("orders")["defence"]),
        code=code_of("build_defence_data"),
        io=io_of,
    shell:
        launch.command("build_defence_data")


rule audit_orders:
    """Stops the run where a defence is shown what is scored; prints what words alone give away."""
    input:
        deck=rules.build_decks.output.orders_deck,
        defence_data=DEFENCE_FILE,
    output:
        leaks=f"{OUT}/world/order_leaks.parquet",
        shortcuts=f"{OUT}/world/order_shortcuts.parquet",
    log:
        f"{OUT}/logs/audit_orders.log",
    benchmark:
        f"{OUT}/benchmarks/audit_orders.tsv"
    priority: 10
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of("statistics"),
        code=code_of("audit_orders"),
        io=io_of,
    shell:
        launch.command("audit_orders")


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
    priority: 10
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


rule build_corpus:
    """Texts for the fits of lenses and SAEs, apart from every deck."""
    input:
        facts=FACTS,
    output:
        corpus=CORPUS,
    log:
        f"{OUT}/logs/build_corpus.log",
    benchmark:
        f"{OUT}/benchmarks/build_corpus.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(streams=PLAN.corpus_part(), world=PLAN.corpus_world()),
        code=code_of("build_corpus"),
        io=io_of,
    shell:
        launch.command("build_corpus")


ask("build_decks build_edit_data build_defence_data audit_orders build_corpus")
if PLAN.everywhere():
    ask("build_edit_data_everywhere")
if PLAN.invents:
    ask("invent_facts")
if not PLAN.config.model.given:
    ask("train_tokenizer")
