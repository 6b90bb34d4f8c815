"""Config section `tests`: what is decided inside models, how finely, what checks the tests."""

from __future__ import annotations

from dataclasses import dataclass, field

from residue.specs.fields import SpecError

METRICS = ("readout_auc", "order_shift")
"""What the tests hand to the estimands."""


@dataclass(frozen=True)
class CalibrationSpec:
    """Subsection ``tests.calibration``: data sets without any dependence, given to every test."""

    repetitions: int = 200
    """Data sets per cell; the band of the rejection rate narrows with its root, the cost grows."""
    observations: int = 96
    """Observations of a data set; clusters hold four each, pairs two, strata eight."""
    dimensions: tuple[int, ...] = (1, 4, 32)
    """Dimensions of the rows' stand-in; one column of the table each."""
    permutations: int = 199
    """Arrangements drawn where no closed form is used."""
    strengths: tuple[float, ...] = (0.25, 0.5, 1.0)
    """Dependence planted for the power curve, in standard deviations of the noise."""
    power_repetitions: int = 60
    """Data sets per point of the power curve."""

    def __post_init__(self) -> None:
        for name in ("repetitions", "power_repetitions"):
            if getattr(self, name) < 20:
                raise SpecError(name, f"needs at least 20, got {getattr(self, name)}.")
        if self.observations < 24 or self.observations % 8:
            raise SpecError("observations", "must be a multiple of 8, at least 24; say 96.")
        if self.permutations < 99:
            raise SpecError("permutations", f"needs at least 99 for p = 0.01; {self.permutations}.")


@dataclass(frozen=True)
class GraphSpec:
    """Subsection ``tests.graph``: the descriptive picture of what depends on what."""

    arms: tuple[str, ...] = ()
    """Arms beside the base; empty takes the first edited arm."""
    rows: tuple[int, ...] = ()
    """Rows drawn; empty takes the middle one and the last."""
    resamples: int = 200
    """Draws of two thirds of the countries, one item of each, on which the search is repeated for
    edge frequencies."""
    variance: float = 0.9
    """Share of a row's variance that its components must explain; their number is reported."""
    alpha: float = 0.05
    """An edge goes when some set separates its ends with p above this."""

    def __post_init__(self) -> None:
        if self.resamples < 2:
            raise SpecError("resamples", f"needs at least 2, got {self.resamples}.")
        if not 0.0 < self.variance <= 1.0:
            raise SpecError("variance", f"is a share above 0 and at most 1, got {self.variance}.")
        if not 0.0 < self.alpha < 1.0:
            raise SpecError("alpha", f"lies between 0 and 1, got {self.alpha}.")


@dataclass(frozen=True)
class IndependenceSpec:
    """Is a fact still in a row; does a hidden order act; do the tests hold their level."""

    margin: float = 0.15
    """AUROC: how far an arm may lie from the oracle and still count as independent of the answers.
    Among some 36 countries, planted signals of this size are found four times in five; `power` and
    `detectable` beside each decision say it for the run at hand, so calibrate it by them."""
    order_margin: float = 0.1
    """Total variation of the first answer token's law, 0 to 1, that a hidden order may cause and
    still count as without effect."""
    alpha: float = 0.05
    """Level of rejecting tests, all rows of a run together."""
    power: float = 0.8
    """Power at which the minimum detectable effect is read off."""
    penalty: float = 0.1
    """Ridge of the readout per item, rows in units of their spread; larger trusts directions with
    little spread less."""
    permutations: int = 999
    """Arrangements of whole countries behind a p-value; p is at least 1 / (1 + permutations)."""
    planted: tuple[float, ...] = (0.1, 0.2, 0.3, 0.45, 0.7, 1.0)
    """Signals planted into the oracle's readout, in units of its spread, from which power is
    read."""
    orders: bool = True
    """Whether clean and attacked twins exchange rows; costs one model load per arm and seed."""
    twins: int = 2
    """Attacked items of each country that are used, drawn once; the cost grows with their
    number."""
    calibration: CalibrationSpec = field(default_factory=CalibrationSpec)
    """Rejection rates of the tests where nothing depends, and power where something does."""
    graph: GraphSpec = field(default_factory=GraphSpec)
    """The picture of the causal search."""

    def __post_init__(self) -> None:
        for name in ("margin", "order_margin"):
            if not 0.0 < getattr(self, name) < 0.5:
                raise SpecError(name, f"lies above 0 and below 0.5, got {getattr(self, name)}.")
        if self.twins < 1:
            raise SpecError("twins", f"needs at least 1, got {self.twins}.")
        for name in ("alpha", "power"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise SpecError(name, f"lies between 0 and 1, got {getattr(self, name)}.")
        if not self.penalty > 0.0:
            raise SpecError("penalty", "must be above 0: there are more directions than facts.")
        if self.permutations < 99:
            raise SpecError("permutations", f"needs at least 99, got {self.permutations}.")
        if not self.planted or list(self.planted) != sorted(set(self.planted)):
            raise SpecError("planted", "lists rising strengths; say [0.1, 0.3, 1.0].")
