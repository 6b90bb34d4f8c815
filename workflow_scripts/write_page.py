"""Write the page: one file that opens offline."""

from residue import stage
from residue.core.artifacts import read_json, read_parquet
from residue.report.page import INSTRUMENT_CHECK, Page, build, metric_titles
from residue.report.setting import links, own_setting, setting
from residue.specs.claims import ClaimSpec, EstimandSpec
from residue.specs.report import ReportSpec

with stage.open() as job:
    world, own, estimates = job.part("world"), job.part("own"), read_parquet(job.input("estimates"))
    countries, audit = read_parquet(job.input("countries")), read_parquet(job.input("audit"))
    arch, faults = read_json(job.input("arch")), job.inputs("faults")
    recovery, depth, tests = job.inputs("recovery"), job.inputs("depth"), job.inputs("tests")
    page = Page(
        claims=read_parquet(job.input("claims")),
        estimates=estimates,
        estimands=job.specs("estimands", EstimandSpec),
        sentences=job.specs("claims", ClaimSpec),
        recovery=read_parquet(recovery[0]) if recovery else None,
        figures={path.stem: path.read_bytes() for path in job.inputs("figures")},
        depth=read_parquet(depth[0]) if depth else None,
        tests=read_parquet(tests[0]) if tests else None,
        requested=tuple(world["requested_languages"]),
        metrics=metric_titles(estimates["metric"]),
        facts=own_setting(countries, audit, read_parquet(faults[0]), arch, world)
        if own
        else setting(countries, audit, arch, world),
        files=links(
            job.final("page"),
            {
                "Verdicts": job.input("claims"),
                "Estimates": job.input("estimates"),
                "Audit of the items": job.input("audit"),
                "Clusters" if own else "Groups of countries": job.input("countries"),
            }
            | ({"What attacks bring back": recovery[0]} if recovery else {})
            | ({"Tests inside the models": tests[0]} if tests else {})
            | ({"Faults of the data files": faults[0]} if own else {}),
        ),
        unit="cluster" if own else "country",
        notice=INSTRUMENT_CHECK if job.part("source") == "embedded" else "",
    )
    job.write_text("page", build(page, job.spec("report", ReportSpec)))
