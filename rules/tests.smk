"""Tests inside the models: is a fact still in a row, does a hidden order act, do the tests hold."""


include: "needs/tests.smk"


rule probe_rows:
    """Readouts of the forget facts at every row of an arm, and whether rows tell an order."""
    input:
        rows=tested_rows("facts"),
        tokens=[
            f"{OUT}/records/base/pair{pair}/seed0/plain/facts/tokens.parquet"
            for pair in range(PLAN.config.pairs)
        ],
        heads=[
            file
            for pair in range(PLAN.config.pairs)
            for file in head_files(pair, "base")
        ],
        known=all_known(),
        deck=FACTS_DECK,
        order_rows=tested_rows("orders") if PLAN.tests_orders() else [],
        order_deck=(f"{OUT}/world/decks/orders.parquet" if PLAN.tests_orders() else []),
    output:
        lines=f"{OUT}/independence/rows/{{arm}}.parquet",
        scores=f"{OUT}/independence/items/{{arm}}.parquet",
        orders=f"{OUT}/independence/orders/{{arm}}.parquet",
    log:
        f"{OUT}/logs/probe_rows/{{arm}}.log",
    benchmark:
        f"{OUT}/benchmarks/probe_rows/{{arm}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(
            tests=PLAN.tests("penalty", "permutations", "planted"),
            runs=arm_runs,
            cell=CELL,
        ),
        code=code_of("probe_rows"),
        io=io_of,
    shell:
        launch.command("probe_rows")


rule swap_rows:
    """Rows of clean and attacked twins, exchanged in one arm."""
    input:
        arm=f"{OUT}/arms/{{arm}}/pair{{pair}}/seed{{seed}}/arm.json",
        weights=arm_weights,
        model=arm_base_files,
        deck=f"{OUT}/world/decks/orders.parquet",
    output:
        twins=f"{OUT}/independence/twins/{SEEDED}.parquet",
    log:
        f"{OUT}/logs/swap_rows/{{arm}}-pair{{pair}}-seed{{seed}}-{{condition}}.log",
    benchmark:
        f"{OUT}/benchmarks/swap_rows/{{arm}}-pair{{pair}}-seed{{seed}}-{{condition}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=gpu(),
    params:
        spec=spec_of(twins=PLAN.config.tests.twins),
        code=code_of("swap_rows", named=edit_methods),
        io=io_of,
    shell:
        launch.command("swap_rows")


rule decide_tests:
    """One table of all tests, and the measurements that claims are made from."""
    input:
        lines=tests_files("rows"),
        scores=tests_files("items"),
        orders=tests_files("orders"),
        twins=[
            f"{OUT}/independence/twins/{SEEDED}.parquet".format(**run)
            for run in EXCHANGED
        ],
        deck=FACTS_DECK,
        order_deck=f"{OUT}/world/decks/orders.parquet" if EXCHANGED else [],
    output:
        tests=report(
            f"{OUT}/tables/tests.parquet",
            caption="../report/tests.rst",
            category="Tables",
            labels={"table": "Tests"},
        ),
        measurements=f"{OUT}/measurements/tests.parquet",
    log:
        f"{OUT}/logs/decide_tests.log",
    benchmark:
        f"{OUT}/benchmarks/decide_tests.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(
            "statistics",
            tests=PLAN.tests("alpha", "power", "margin", "order_margin"),
            asked=asked_runs,
        ),
        code=code_of(
            "decide_tests", named=lambda _: {(METRICS, name) for name in OF_TESTS}
        ),
        io=io_of,
    shell:
        launch.command("decide_tests")


rule calibrate_tests:
    """Rejection rates of the tests where nothing depends, and power where something does."""
    output:
        calibration=f"{OUT}/independence/calibration.parquet",
    log:
        f"{OUT}/logs/calibrate_tests.log",
    benchmark:
        f"{OUT}/benchmarks/calibrate_tests.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(calibration=PLAN.tests("calibration")["calibration"]),
        code=code_of("calibrate_tests"),
        io=io_of,
    shell:
        launch.command("calibrate_tests")


rule find_graph:
    """What depends on what in the design of the orders deck, as a causal search sees it."""
    input:
        rows=first_orders("rows"),
        said=first_orders("generations"),
        deck=f"{OUT}/world/decks/orders.parquet",
    output:
        graph=f"{OUT}/independence/graph/{{arm}}.parquet",
    log:
        f"{OUT}/logs/find_graph/{{arm}}.log",
    benchmark:
        f"{OUT}/benchmarks/find_graph/{{arm}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(
            graph=PLAN.graph(), seed=lambda wildcards: first_seed(wildcards.arm)
        ),
        code=code_of("find_graph"),
        io=io_of,
    shell:
        launch.command("find_graph")


rule draw_tests:
    """Figures of the tests."""
    input:
        tests=rules.decide_tests.output.tests,
        calibration=rules.calibrate_tests.output.calibration,
        graphs=[
            f"{OUT}/independence/graph/{arm}.parquet" for arm in PLAN.drawn_graphs()
        ],
    output:
        rows=f"{OUT}/report/figures/tests_rows.svg",
        orders=f"{OUT}/report/figures/tests_orders.svg",
        calibration=f"{OUT}/report/figures/tests_calibration.svg",
        graph=f"{OUT}/report/figures/tests_graph.svg",
    log:
        f"{OUT}/logs/draw_tests.log",
    benchmark:
        f"{OUT}/benchmarks/draw_tests.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=0,
    params:
        spec=spec_of(),
        code=code_of("draw_tests"),
        io=io_of,
    shell:
        launch.command("draw_tests")


if TESTED:
    ask("calibrate_tests draw_tests")
    ask("find_graph", [{"arm": arm} for arm in PLAN.drawn_graphs()])
    ask("probe_rows", TESTED)
    ask("swap_rows", EXCHANGED)
    ask("decide_tests")
