"""Declare an unedited model as an arm of no steps."""

from residue import stage
from residue.edits.arms import arm_of_model

with stage.open() as job:
    folder = job.inputs("model")[0].parent
    job.write_json("arm", arm_of_model(folder, job.final("arm").parent, job.wildcard("role")))
