"""Declare an unedited model as an arm of no steps."""

from residue import stage
from residue.edits.arms import arm_of_model
from residue.specs.model import LoadSpec

with stage.open() as job:
    arm = arm_of_model(
        job.inputs("model")[0].parent,
        arm=job.wildcard("role"),
        pair=int(job.wildcard("pair")),
        home=job.final("arm").parent,
        load=job.spec("load", LoadSpec),
    )
    job.write_json("arm", arm)
