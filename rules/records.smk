"""What each arm says and holds for the items of a deck, in one model load."""

RUN = "{arm}/pair{pair}/seed{seed}/{condition}/{deck}"


rule record:
    input:
        arm=arm_in_condition,
        weights=arm_weights,
        model=arm_base_files,
        deck=f"{OUT}/world/decks/{{deck}}.parquet",
    output:
        generations=f"{OUT}/records/{RUN}/generations.parquet",
        tokens=f"{OUT}/records/{RUN}/tokens.parquet",
        rows=f"{OUT}/records/{RUN}/rows.parquet",
    log:
        f"{OUT}/logs/record/{{arm}}-pair{{pair}}-seed{{seed}}-{{condition}}-{{deck}}.log",
    benchmark:
        f"{OUT}/benchmarks/record/{{arm}}-pair{{pair}}-seed{{seed}}-{{condition}}-{{deck}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=gpu(),
    params:
        spec=spec_of("records"),
        code=code_of("record", named=edit_methods),
        io=io_of,
    shell:
        launch.command("record")
