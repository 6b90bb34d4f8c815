"""Write the page: one file that opens offline."""

from residue import stage
from residue.account import jobs_behind
from residue.core.artifacts import read_json, read_parquet
from residue.report.page import INSTRUMENT_CHECK, Page, build, metric_titles
from residue.report.setting import links, own_setting, setting
from residue.specs.claims import ClaimSpec, EstimandSpec
from residue.specs.report import ReportSpec

with stage.open() as job:
    world, estimates = job.part("world"), read_parquet(job.input("estimates"))
    countries, faults = read_parquet(job.input("countries")), job.inputs("faults")
    audit = read_parquet(job.input("audit")) if job.inputs("audit") else None
    arch = read_json(job.input("arch")) if job.inputs("arch") else None
    recovery, depth = job.inputs("recovery"), job.inputs("depth")
    meta, tests = job.inputs("meta"), job.inputs("tests")
    names = ("injection", "certificate", "judge", "escapes", "adaptive")
    attacks = {name: job.inputs(name) for name in names}
    tables = {name: read_parquet(paths[0]) for name, paths in attacks.items() if paths}
    relearning, figures = job.inputs("relearning"), job.inputs("figures")
    succession = job.inputs("succession")
    page = Page(
        claims=read_parquet(job.input("claims")),
        estimates=estimates,
        estimands=job.specs("estimands", EstimandSpec),
        sentences=job.specs("claims", ClaimSpec),
        recovery=read_parquet(recovery[0]) if recovery else None,
        succession=read_parquet(succession[0]) if succession else None,
        figures={path.stem: path.read_bytes() for path in figures},
        depth=read_parquet(depth[0]) if depth else None,
        tests=read_parquet(tests[0]) if tests else None,
        meta=read_parquet(meta[0]) if meta else None,
        **tables,
        relearning=read_parquet(relearning[0]) if relearning else None,
        # The one place that shows what is volatile; it stands in the manifests alone.
        jobs=jobs_behind(
            [job.input("claims"), *recovery, *depth, *relearning, *succession, *figures]
        ),
        requested=tuple(world["requested_languages"]),
        metrics=metric_titles(estimates["metric"]),
        facts=own_setting(countries, audit, read_parquet(faults[0]), arch, world)
        if faults
        else setting(
            countries, read_parquet(job.input("audit")), read_json(job.input("arch")), world
        ),
        files=links(
            job.final("page"),
            {
                "Verdicts": job.input("claims"),
                "Estimates": job.input("estimates"),
                "Clusters" if faults else "Groups of countries": job.input("countries"),
            }
            | ({"What attacks bring back": recovery[0]} if recovery else {})
            | ({"Request after request": succession[0]} if succession else {})
            | ({"Tests inside the models": tests[0]} if tests else {})
            | ({"Metrics on trial": meta[0]} if meta else {})
            | ({"Under attack": attacks["injection"][0]} if attacks["injection"] else {})
            | ({"Attackers that adapt": attacks["adaptive"][0]} if attacks["adaptive"] else {})
            | ({"Certificate": attacks["certificate"][0]} if attacks["certificate"] else {})
            | ({"Inside against relearning": relearning[0]} if relearning else {})
            | ({"Audit of the items": job.input("audit")} if audit is not None else {})
            | ({"Faults of the data files": faults[0]} if faults else {}),
        ),
        unit="cluster" if faults else "country",
        notice=INSTRUMENT_CHECK if job.part("source") == "embedded" else "",
    )
    job.write_text("page", build(page, job.spec("report", ReportSpec)))
