"""Runs with a planted fault, for learning to find it: one ingredient spoilt, everything else as it should be."""

from nnopt_utils.faults import catalogue
from nnopt_utils.faults.catalogue import Fault, apply_remedy, fit_healthy, fit_with_fault
from nnopt_utils.faults.running import Run, drawn, train
from nnopt_utils.faults.setup import Data, Setup

#: Name → the fault that is planted under it, a :class:`Fault`.
FAULTS: dict[str, Fault] = catalogue.FAULTS

__all__ = ["FAULTS", "Data", "Fault", "Run", "Setup", "apply_remedy", "drawn", "fit_healthy", "fit_with_fault", "train"]
