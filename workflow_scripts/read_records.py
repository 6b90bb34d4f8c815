"""Read what a model said from files, in the form in which `record` writes it."""

from residue import stage
from residue.core.artifacts import read_parquet
from residue.records.outputs.reading import read_outputs
from residue.records.outputs.tables import spoken
from residue.specs.fields import load
from residue.specs.outputs import Outputs

with stage.open() as job:
    sources = [load(Outputs, each, "records") for each in job.part("sources")]
    found, _ = read_outputs(zip(sources, job.inputs("files"), strict=True))
    generations, values = spoken(found, read_parquet(job.input("deck")))
    job.write_parquet("generations", generations)
    job.write_parquet("values", values)
