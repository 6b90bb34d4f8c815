"""Make one real update of an arm and compare its peak memory with the plan."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.edits.probing import peak_of_one_update, probe_table
from residue.specs.arms import ArmSpec
from residue.specs.model import LoadSpec

with stage.open() as job:
    defence = job.inputs("defence")
    measured = peak_of_one_update(
        job.inputs("model")[0].parent,
        job.spec("arm", ArmSpec),
        read_parquet(job.input("edit_data")),
        read_parquet(defence[0]) if defence else None,
        load=job.spec("load", LoadSpec),
        lens=job.inputs("lens")[0] if job.inputs("lens") else None,
        device=job.device,
    )
    planned = read_parquet(job.input("plan"))
    job.write_parquet("probe", probe_table(planned, job.wildcard("arm"), measured, job.device))
