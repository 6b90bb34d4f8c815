"""The figures and the page."""


include: "needs/report.smk"


rule draw_figures:
    input:
        estimates=rules.estimate.output.estimates,
        measurements=all_measurements("facts"),
        deck=FACTS_DECK,
    output:
        tradeoff=report(
            f"{OUT}/report/figures/tradeoff.svg",
            caption="../report/forget_retain.rst",
            category="Scorecard",
            labels={"figure": "Forget against retain"},
        ),
        by_language=report(
            f"{OUT}/report/figures/by_language.svg",
            caption="../report/languages.rst",
            category="Scorecard",
            labels={"figure": "Per language"},
        ),
        first_rows=report(
            f"{OUT}/report/figures/first_rows.svg",
            caption="../report/first_rows.rst",
            category="Inside",
            labels={"figure": "Where the answer appears"},
        ),
    log:
        f"{OUT}/logs/draw_figures.log",
    benchmark:
        f"{OUT}/benchmarks/draw_figures.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(margins=PLAN.margins(), requested=PLAN.requested()),
        code=code_of("draw_figures"),
        io=io_of,
    shell:
        launch.command("draw_figures")


rule write_page:
    input:
        claims=rules.decide_claims.output.claims,
        estimates=rules.estimate.output.estimates,
        countries=CLUSTERS,
        faults=fault_files(),
        audit=[] if PLAN.alone else rules.audit_world.output.audit,
        arch=[] if PLAN.alone else f"{OUT}/models/pair0/base.arch.json",
        recovery=recovery_files("tables/recovery.parquet"),
        relearning=recovery_files("tables/relearning.parquet"),
        figures=[
            rules.draw_figures.output.tradeoff,
            rules.draw_figures.output.by_language,
            rules.draw_figures.output.first_rows,
            *depth_figures(),
        ]
        + recovery_files("report/figures/recovery.svg")
        + injection_files("report/figures/attack_plane.svg")
        + succession_files("report/figures/succession.svg")
        + adaptive_files("report/figures/adaptive.svg")
        + (list(rules.draw_tests.output) if PLAN.tested() else []),
        succession=succession_files("tables/succession.parquet"),
        depth=rules.estimate_depth.output.depth if PLAN.reads_rows() else [],
        tests=rules.decide_tests.output.tests if PLAN.tested() else [],
        meta=rules.estimate_meta.output.meta if "oracle" in PLAN.unedited() else [],
        injection=injection_files("tables/injection.parquet"),
        certificate=injection_files("tables/certificate.parquet"),
        judge=injection_files("tables/judge.parquet"),
        escapes=injection_files("tables/escapes.parquet"),
        adaptive=adaptive_files("tables/adaptive.parquet"),
    output:
        page=report(
            f"{OUT}/report/index.html",
            caption="../report/page.rst",
            category="Scorecard",
            labels={"figure": "The page"},
        ),
    log:
        f"{OUT}/logs/write_page.log",
    benchmark:
        f"{OUT}/benchmarks/write_page.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(
            "report",
            estimands=PLAN.listed("estimands"),
            claims=PLAN.listed("claims"),
            world=PLAN.page_world(),
            source=PLAN.config.model.source,
        ),
        code=code_of("write_page", named=page_methods),
        io=io_of,
    shell:
        launch.command("write_page")


ask("draw_figures write_page")
