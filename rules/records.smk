"""What each arm says and holds for the items of a deck, in one model load."""


include: "needs/records.smk"


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
    wildcard_constraints:
        arm=models_that_speak(),
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


ASKED_OF_ARMS = [run | {"deck": deck} for run in RUNS for deck in PLAN.decks()] + [
    {"arm": arm, "pair": pair, "seed": seed, "condition": condition, "deck": STRESS}
    for arm, pair, seed, condition in PLAN.attacked()
]

ask("record", ASKED_OF_ARMS)
