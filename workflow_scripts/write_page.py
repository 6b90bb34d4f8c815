"""Write the page: one file that opens offline."""

from residue import stage
from residue.core.artifacts import read_json, read_parquet
from residue.report.page import INSTRUMENT_CHECK, Page, build, metric_titles
from residue.report.setting import links, setting
from residue.specs.claims import ClaimSpec, EstimandSpec
from residue.specs.report import ReportSpec

with stage.open() as job:
    world, estimates = job.part("world"), read_parquet(job.input("estimates"))
    countries, audit = read_parquet(job.input("countries")), read_parquet(job.input("audit"))
    page = Page(
        claims=read_parquet(job.input("claims")),
        estimates=estimates,
        estimands=job.specs("estimands", EstimandSpec),
        sentences=job.specs("claims", ClaimSpec),
        figures={path.stem: path.read_bytes() for path in job.inputs("figures")},
        requested=tuple(world["requested_languages"]),
        metrics=metric_titles(estimates["metric"]),
        facts=setting(countries, audit, read_json(job.input("arch")), world),
        files=links(
            job.final("page"),
            {
                "Verdicts": job.input("claims"),
                "Estimates": job.input("estimates"),
                "Audit of the items": job.input("audit"),
                "Groups of countries": job.input("countries"),
            },
        ),
        notice=INSTRUMENT_CHECK if job.part("source") == "embedded" else "",
    )
    job.write_text("page", build(page, job.spec("report", ReportSpec)))
