"""Declared hyperparameters: signature, checks, docstring and names; what Tab and Shift-Tab show."""

from __future__ import annotations

import inspect
import io
import subprocess
import sys
from contextlib import redirect_stdout

import numpy as np
import pytest
from test_proofs import CLASSES

from nnopt_utils.optimizers import SGD, Adam, AdamW, Muon, Optimizer, RMSprop
from nnopt_utils.optimizers.hyperparameters import fraction, not_negative
from nnopt_utils.schedules import ExponentialDecay

SHARED = ["convention", "weight_decay", "clipvalue", "clipnorm", "global_clipnorm", "ema_momentum"]
SHARED += ["gradient_accumulation_steps"]
every_class = pytest.mark.parametrize("cls", CLASSES.values(), ids=CLASSES)


@every_class
def test_a_signature_has_every_argument(cls):
    parameters = inspect.signature(cls).parameters
    assert next(iter(parameters)) == "learning_rate"
    assert [name for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY] == SHARED
    assert list(cls().hyperparameters) == list(parameters)
    assert all(p.default is not p.empty for p in parameters.values())


@every_class
def test_a_docstring_explains_every_argument_once(cls):
    section = inspect.cleandoc(cls.__doc__).split("Args:\n")[1].split("\n\n")[0]
    entries = [line.split(":")[0].split(", ") for line in section.splitlines() if line[4] != " "]
    names = [name.strip() for entry in entries for name in entry]
    assert names == list(inspect.signature(cls).parameters)


def test_a_default_that_differs_by_convention_is_shown():
    assert "epsilon=1e-08 (keras: 1e-07)" in str(inspect.signature(Adam))
    assert "weight_decay=0.0 (keras: 0.004, pytorch: 0.1)" in str(inspect.signature(Muon))


def test_arguments_by_position():
    assert Adam(0.01, 0.8, 0.99).hyperparameters["beta_2"] == 0.99
    assert SGD(0.1, 0.9, True).nesterov is True
    with pytest.raises(TypeError, match=r"SGD: too many positional arguments; expected \(learning_rate=0.01"):
        SGD(0.1, 0.9, True, 0.0, "keras")
    with pytest.raises(TypeError, match="SGD: multiple values for argument 'learning_rate'"):
        SGD(0.1, learning_rate=0.1)


@pytest.mark.parametrize(
    ("cls", "wrong", "right"),
    [
        (SGD, "lr", "learning_rate"),
        (Adam, "betas", "beta_1 and beta_2"),
        (Adam, "eps", "epsilon"),
        (SGD, "nestrov", "nesterov"),
        (RMSprop, "alpha", "rho"),
        (SGD, "alpha", "learning_rate"),
        (SGD, "decay", "weight_decay"),
        (Adam, "beta1", "beta_1"),
        (Adam, "weight_dcay", "weight_decay"),
        (Adam, "clip_norm", "clipnorm"),
        (Adam, "max_grad_norm", "global_clipnorm"),
        (Muon, "lr", "learning_rate"),
        (Adam, "lr_decay", "learning_rate"),
        (Adam, "ema_decay", "ema_momentum"),
    ],
)
def test_a_wrong_name_gets_the_right_one(cls, wrong, right):
    message = rf"{wrong}: got 0.5, but {cls.__name__} has no such argument; .*\(did you mean {right}\?\)"
    with pytest.raises(TypeError, match=message):
        cls(**{wrong: 0.5})


def test_no_name_is_better_than_a_far_one():
    with pytest.raises(TypeError, match=r"expected one of learning_rate, .*, gradient_accumulation_steps$"):
        SGD(colour="red")


def test_a_subclass_declares_more_and_sets_defaults():
    class Warm(AdamW):
        beta_1 = 0.5
        learning_rate = 0.25
        gamma: float = fraction(default=0.3, keras=0.4)

    assert str(inspect.signature(Warm)).startswith("(learning_rate=0.25, beta_1=0.5, beta_2=0.999")
    optimizer = Warm(convention="keras")
    assert (optimizer.learning_rate, optimizer.beta_1, optimizer.gamma, optimizer.weight_decay) == (
        0.25,
        0.5,
        0.4,
        0.004,
    )
    assert Adam().beta_1 == 0.9
    with pytest.raises(ValueError, match=r"gamma: got 1.0; expected a finite number >= 0 and < 1"):
        Warm(gamma=1.0)
    theta = np.ones(2)
    optimizer.step(theta, np.ones(2))
    assert theta[0] == pytest.approx(1 - 0.25 * 0.004 - 0.25, abs=1e-5)


def test_a_plain_default_is_checked_too():
    class Bad(Adam):
        beta_1 = 1.5

    with pytest.raises(ValueError, match=r"beta_1: got 1.5"):
        Bad()


def test_none_is_the_default():
    assert Adam(None, epsilon=None, convention="keras").hyperparameters == Adam(convention="keras").hyperparameters


def test_a_rate_is_asked_for_where_there_is_no_default():
    class Bare(Optimizer):
        def update(self, theta, gradient):
            theta -= self.learning_rate * gradient

    assert inspect.signature(Bare).parameters["learning_rate"].default is inspect.Parameter.empty
    with pytest.raises(TypeError, match=r"learning_rate: got None; expected a finite number > 0"):
        Bare()


def test_a_hyperparameter_may_be_set_later():
    optimizer = SGD(0.1, momentum=0.9)
    optimizer.momentum = 0.5
    assert optimizer.hyperparameters["momentum"] == 0.5 and "momentum=0.5" in repr(optimizer)


@pytest.mark.parametrize("use_jedi", [True, False])
def test_tab_completes_the_names(use_jedi):
    """What JupyterLab shows after Tab inside the brackets; Shift-Tab shows the signature."""
    from IPython.core.completer import IPCompleter, provisionalcompleter

    completer = IPCompleter(namespace={"Adam": Adam}, use_jedi=use_jedi)
    with provisionalcompleter():
        for typed, name in {"conv": "convention=", "beta_1": "beta_1=", "weight": "weight_decay="}.items():
            assert name in {c.text for c in completer.completions(f"Adam({typed}", len(typed) + 5)}


def test_show_source_is_the_file_as_it_stands():
    from nnopt_utils.course import show_source

    out = io.StringIO()
    with redirect_stdout(out):
        show_source(Adam)
    source = out.getvalue() or inspect.getsource(Adam)
    assert "beta_1: float = fraction(default=0.9)" in source and "clipvalue: limit" not in source


@pytest.mark.slow
def test_types_know_the_constructor(tmp_path):
    """mypy reads the declarations: it accepts what runs, and refuses a wrong name and a wrong type."""
    script = tmp_path / "script.py"
    script.write_text(
        "from nnopt_utils.optimizers import Adam, SGD\n"
        "Adam(0.001, 0.9, 0.999, convention='keras', clipnorm=1.0)\n"
        "SGD(lambda step: 0.1, 0.9).momentum + 1\n"
        "SGD(lr=0.1)\n"
        "Adam(beta_1='0.9')\n"
    )
    run = subprocess.run([sys.executable, "-m", "mypy", str(script)], capture_output=True, text=True, check=False)
    errors = [line for line in run.stdout.splitlines() if "error:" in line and "script.py" in line]
    assert [int(line.split(":")[1]) for line in errors] == [4, 5], run.stdout


def test_declared_ranges_name_the_argument():
    class Rule(Optimizer):
        decay: float = not_negative(default=0.0)

        def update(self, theta, gradient):
            theta -= self.decay * gradient

    with pytest.raises(ValueError, match=r"decay: got -1; expected a finite number >= 0"):
        Rule(0.1, decay=-1)


@pytest.mark.parametrize("value", ["False", "yes", 2, 0.5])
def test_a_switch_is_true_or_false(value):
    with pytest.raises(TypeError, match=r"amsgrad: got .*; expected True or False"):
        Adam(amsgrad=value)
    assert Adam(amsgrad=np.True_).amsgrad is True and Adam(amsgrad=0).amsgrad is False


def test_the_class_of_a_schedule_is_no_schedule():
    with pytest.raises(TypeError, match=r"learning_rate: got the class ExponentialDecay; .* ExponentialDecay\(…\)"):
        Adam(ExponentialDecay)
