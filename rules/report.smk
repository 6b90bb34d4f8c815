"""The figures and the page."""


rule draw_figures:
    input:
        estimates=rules.estimate.output.estimates,
    output:
        forget_retain=report(
            f"{OUT}/report/figures/forget_retain.svg",
            caption="../report/forget_retain.rst",
            category="Scorecard",
            labels={"figure": "Forget against retain"},
        ),
        languages=report(
            f"{OUT}/report/figures/languages.svg",
            caption="../report/languages.rst",
            category="Scorecard",
            labels={"figure": "Forget facts by language"},
        ),
    params:
        spec=spec_of("estimands", "report"),
        code=code_of("draw_figures"),
        io=io_of,
    log:
        f"{OUT}/logs/draw_figures.log",
    benchmark:
        f"{OUT}/benchmarks/draw_figures.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    shell:
        stage("draw_figures")


rule write_page:
    input:
        claims=rules.decide_claims.output.claims,
        estimates=rules.estimate.output.estimates,
        countries=rules.build_decks.output.countries,
        audit=rules.audit_world.output.audit,
        figures=[rules.draw_figures.output.forget_retain, rules.draw_figures.output.languages],
    output:
        page=report(
            f"{OUT}/report/index.html",
            caption="../report/page.rst",
            category="Scorecard",
            labels={"figure": "The page"},
        ),
    params:
        spec=spec_of("estimands", "claims", "report", "statistics"),
        code=code_of("write_page", named=page_sections),
        io=io_of,
    log:
        f"{OUT}/logs/write_page.log",
    benchmark:
        f"{OUT}/benchmarks/write_page.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    shell:
        stage("write_page")
