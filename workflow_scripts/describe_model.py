"""Write a model's norms, unembedding and addresses, so that metrics load no model library."""

from residue import stage
from residue.models.head import read_head

with stage.open() as job:
    head = read_head(job.inputs("model")[0].parent, job.part("load")["layout"])
    head.save(job.output("head"), job.output("arch"))
