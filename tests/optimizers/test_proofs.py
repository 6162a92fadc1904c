"""No optimizer without proof: what each must be compared with, and that the comparison is there."""

from __future__ import annotations

import inspect

import numpy as np
import paper_algorithms
import pytest
from cases import GRID, KERAS, PAPER, PYTORCH
from test_pytorch import NAMES, RECORDED

from nnopt_utils import optimizers
from nnopt_utils.optimizers import SGD, GradientDescent, Optimizer, TensorOptimizer

CLASSES = {
    name: value
    for name in optimizers.__all__
    if inspect.isclass(value := getattr(optimizers, name))
    and issubclass(value, Optimizer)
    and value not in (Optimizer, TensorOptimizer)
}
# No framework has these under a name of their own; each is equal to SGD there, which the named test shows.
EQUAL_TO_SGD = {
    "GradientDescent": "test_gradient_descent_is_sgd_without_momentum",
    "Nesterov": "test_nesterov_with_constant_momentum_is_the_frameworks (in test_base)",
}


def missing_proofs(cls: type[Optimizer]) -> list[str]:
    """What a class still needs, and where it goes."""
    name, missing = cls.__name__, []
    papers = [case.algorithm for case in PAPER.values() if case.optimizer == name]
    if not any(hasattr(paper_algorithms, algorithm) for algorithm in papers):
        missing.append(
            "its paper: transcribe the algorithm in paper_algorithms.py, and give it a row of PAPER (cases.py)"
        )
    if name not in GRID:
        missing.append("its run on every problem: a row of GRID (cases.py)")
    if name in EQUAL_TO_SGD:
        return missing
    if "keras" in cls.conventions and name not in {optimizer for optimizer, _ in KERAS.values()}:
        missing.append("its twin in Keras: a row of KERAS (cases.py)")
    if "pytorch" in cls.conventions:
        recorded = [case for case, (theirs, _) in PYTORCH.items() if NAMES.get(theirs, theirs) == name]
        if not recorded:
            missing.append("its twin in PyTorch: a row of PYTORCH (cases.py), recorded by record_pytorch.py")
        missing += [f"the recording of {case}: run record_pytorch.py" for case in recorded if case not in RECORDED]
    return missing


@pytest.mark.parametrize("name", CLASSES)
def test_every_optimizer_is_proven(name):
    assert not missing_proofs(CLASSES[name])


def test_what_is_missing_is_named():
    class Unproven(Optimizer):
        def update(self, theta, gradient, *slots):
            theta -= self.learning_rate * np.sign(gradient)

    found = " ".join(missing_proofs(Unproven))
    assert all(word in found for word in ("paper_algorithms.py", "PAPER", "GRID", "KERAS", "PYTORCH"))
    Unproven.conventions = ("paper",)
    assert len(missing_proofs(Unproven)) == 2


def test_what_is_not_recorded_is_named(monkeypatch):
    monkeypatch.setitem(PYTORCH, "adam_new", ("Adam", {"lr": 0.5}))
    assert missing_proofs(CLASSES["Adam"]) == ["the recording of adam_new: run record_pytorch.py"]


@pytest.mark.parametrize("convention", ["paper", "keras", "pytorch"])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_gradient_descent_is_sgd_without_momentum(convention, decay):
    one, other = (cls(0.1, convention=convention, weight_decay=decay) for cls in (GradientDescent, SGD))
    theta, same = np.ones(5), np.ones(5)
    for gradient in np.random.default_rng(0).normal(size=(20, 5)):
        one.step(theta, gradient)
        other.step(same, gradient)
    assert np.array_equal(theta, same)
