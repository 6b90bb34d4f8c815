"""What membership by gradients reads: a backward pass per item, where a metric asks for it."""


include: "needs/gradients.smk"


rule record_gradients:
    input:
        arm=arm_in_condition,
        weights=arm_weights,
        model=arm_base_files,
        deck=f"{OUT}/world/decks/{{deck}}.parquet",
    output:
        gradients=f"{OUT}/records/{RUN}/gradients.parquet",
    log:
        f"{OUT}/logs/record_gradients/{{arm}}-pair{{pair}}-seed{{seed}}-{{condition}}-{{deck}}.log",
    benchmark:
        f"{OUT}/benchmarks/record_gradients/{{arm}}-pair{{pair}}-seed{{seed}}-{{condition}}-{{deck}}.tsv"
    wildcard_constraints:
        arm=models_that_speak(),
    conda:
        ENV
    threads: 1
    resources:
        gpu=gpu(),
    params:
        spec=spec_of(),
        code=code_of("record_gradients", named=edit_methods),
        io=io_of,
    shell:
        launch.command("record_gradients")


ask("record_gradients", [job for job in ASKED_OF_ARMS if pulls(job["deck"])])
