"""Whether the tests of independence hold their level, and how much they find."""

from residue import stage
from residue.specs.tests import CalibrationSpec
from residue.stats.calibration import calibrate

with stage.open() as job:
    job.write_parquet("calibration", calibrate(job.spec("calibration", CalibrationSpec)))
