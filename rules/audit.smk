"""The audit of what is asked and shown, before any model sees it."""


rule audit_world:
    """Stops the run on a leak. First in line; models do not depend on what it says."""
    input:
        decks=deck_files(),
        edit_data=SHOWN,
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
        spec=spec_of("statistics", own=PLAN.own_data),
        code=code_of("audit_world"),
        io=io_of,
    shell:
        launch.command("audit_world")


if not PLAN.alone:  # nothing is shown to an edit here, so nothing can leak
    ask("audit_world")
