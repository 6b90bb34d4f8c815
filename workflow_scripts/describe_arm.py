"""Write the head of an arm whose edits change it, as `describe_model` does of a model."""

from residue import stage
from residue.edits.arms import open_arm
from residue.models.head import Head
from residue.models.live_head import live_head

with stage.open() as job:
    shape = Head.load(*job.inputs("head")).shape
    with open_arm(job.input("arm")) as arm:
        head = live_head(arm.model, shape)
    head.save(job.output("head"), job.output("arch"))
