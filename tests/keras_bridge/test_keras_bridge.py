"""The bridge to Keras: twins take equal steps, weights come back equal, and what has no twin is said clearly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nnopt_utils import optimizers, schedules, second_order
from nnopt_utils._quiet import REPRODUCIBLE
from nnopt_utils.datasets import load_mnist
from nnopt_utils.keras_bridge import TWINS, NoTwinError, copy_weights, import_keras, keras_twin
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, Adam, GradientDescent

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("keras")]

ROOT = Path(__file__).resolve().parents[2]
KNOWN = [name for name in TWINS if hasattr(optimizers, name)]
# Rates at which a small network learns, where Keras's default would hardly move it.
RATES = {
    "LAMB": 0.02,
    "Muon": 0.02,
    "ScheduleFreeAdamW": 0.02,
    "Adagrad": 0.05,
    "Adadelta": 1.0,
    "SGD": 0.1,
    "GradientDescent": 0.1,
    "Ftrl": 0.1,
    "Adafactor": 0.05,
}


def make(name, **arguments):
    """An optimizer in Keras's convention."""
    rate = arguments.pop("learning_rate", RATES.get(name, 0.002))
    return getattr(optimizers, name)(learning_rate=rate, convention="keras", **arguments)


def both_losses(network, optimizer, x, y, batch_size, steps):
    """The loss of each step, ours and Keras's, from equal weights on equal batches."""
    model = keras_twin(network, optimizer)
    optimizer.layout = network.layout
    ours, theirs = [], []
    for step in range(steps):
        rows = np.arange(step * batch_size, (step + 1) * batch_size) % len(x)
        loss, gradient = network.loss_and_gradient(x[rows], y[rows])
        optimizer.step(network.parameters, gradient)
        ours.append(loss)
        result = model.train_on_batch(x[rows], y[rows])
        theirs.append(float(result[0] if isinstance(result, list) else result))
    return np.array(ours), np.array(theirs), model


def small_task(n=64, n_in=6, n_out=3, loss="cross_entropy", dtype=np.float32):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(n, n_in)).astype(dtype)
    if loss == "cross_entropy":
        return x, generator.integers(n_out, size=n)
    targets = generator.normal(size=(n, n_out))
    return x, (targets > 0).astype(dtype) if loss == "binary_cross_entropy" else targets.astype(dtype)


# -- equal steps -----------------------------------------------------------------------------------------------------


# A ReLU whose input is within rounding of 0 may be on here and off there; from then on the losses part. With these
# seeds no input comes nearer to 0 than 5e-6 in the 200 steps, 50 times its rounding error.
@pytest.mark.parametrize(("optimizer", "seed"), [(SGD(learning_rate=0.1), 11), (Adam(convention="keras"), 22)])
def test_mnist_losses_are_equal_for_200_steps(optimizer, seed):
    data = load_mnist()
    network = MLP([784, 64, 64, 10], seed=seed)
    ours, theirs, model = both_losses(network, optimizer, data.x_train, data.y_train, 32, 200)
    assert ours[-20:].mean() < 0.5 * ours[0]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)
    outputs = model.predict(data.x_val[:500], verbose=0)
    np.testing.assert_allclose(network.forward(data.x_val[:500]), outputs, rtol=0, atol=1e-3)
    np.testing.assert_array_equal(network.predict(data.x_val[:500]), outputs.argmax(axis=1))


def test_the_rival_epsilon_does_not_pass():
    """Headline: Adam with the paper's epsilon is told from Keras's within 20 steps."""
    data = load_mnist()
    network, paper = MLP([784, 64, 64, 10], seed=22), Adam()
    model = keras_twin(network, Adam(convention="keras"))
    differences = []
    for start in range(0, 640, 32):
        x, y = data.x_train[start : start + 32], data.y_train[start : start + 32]
        loss, gradient = network.loss_and_gradient(x, y)
        paper.step(network.parameters, gradient)
        differences.append(abs(loss - float(model.train_on_batch(x, y)[0])))
    assert max(differences) > 1e-4


@pytest.mark.parametrize("name", KNOWN)
def test_every_optimizer_takes_equal_steps(name):
    x, y = small_task()
    ours, theirs, model = both_losses(MLP([6, 8, 3], seed=1), make(name), x, y, 16, 40)
    assert ours[-4:].mean() < ours[:4].mean()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-4)
    assert type(model.optimizer).__name__ == TWINS[name].keras_name


@pytest.mark.parametrize(
    "arguments",
    [
        {"weight_decay": 0.05},
        {"clipvalue": 0.01},
        {"clipnorm": 0.1},
        {"global_clipnorm": 0.1},
        {"gradient_accumulation_steps": 3},
        {"gradient_accumulation_steps": 1},
        {"learning_rate": schedules.ExponentialDecay(0.1, 0.5, 7)},
        {"learning_rate": schedules.StepDecay(0.1, 0.5, 7)},
        {"learning_rate": schedules.InverseTimeDecay(0.1, 0.2)},
        {"learning_rate": schedules.PolynomialDecay(0.1, 20, end_learning_rate=0.01, power=2.0)},
        {"learning_rate": schedules.CosineDecay(0.1, 20, alpha=0.1)},
        {"learning_rate": schedules.PiecewiseConstant([5, 9], [0.1, 0.05, 0.01])},
        {"learning_rate": schedules.CosineRestarts(0.1, 5, t_mul=2.0)},
        {"learning_rate": schedules.Constant(0.1)},
        {"learning_rate": lambda step: 0.1 / (1 + step)},
        {"learning_rate": schedules.StepDecay(0.1, 0.5, 3), "gradient_accumulation_steps": 4},
    ],
    ids=lambda arguments: ", ".join(f"{name}={type(value).__name__}" for name, value in arguments.items()),
)
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_common_arguments(name, arguments):
    x, y = small_task()
    ours, theirs, _ = both_losses(MLP([6, 8, 3], seed=1), make(name, **arguments), x, y, 16, 40)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


def test_averaged_parameters_are_what_keras_keeps():
    x, y = small_task()
    network, optimizer = MLP([6, 8, 3], seed=1), make("SGD", ema_momentum=0.9)
    _, _, model = both_losses(network, optimizer, x, y, 16, 20)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    averaged = MLP([6, 8, 3])
    averaged.parameters = optimizer.evaluation_parameters(network.parameters)
    np.testing.assert_allclose(averaged.forward(x), model.predict(x, verbose=0), rtol=0, atol=1e-4)
    assert abs(averaged.parameters - network.parameters).max() > 0.01


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy", "mse", "half_mse", "mae", "huber"])
def test_every_loss(loss, dtype):
    x, y = small_task(loss=loss, dtype=dtype)
    network = MLP([6, 8, 3], loss=loss, l2=0.1 if dtype == "float32" else 0.0, seed=1, dtype=dtype)
    ours, theirs, model = both_losses(network, SGD(learning_rate=0.05), x, y, 16, 20)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)
    loss_and_accuracy = model.evaluate(x, y, verbose=0, batch_size=len(x))
    if loss in ("cross_entropy", "binary_cross_entropy"):
        np.testing.assert_allclose(loss_and_accuracy, network.evaluate(x, y), rtol=0, atol=1e-4)


@pytest.mark.parametrize("activation", ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "softplus"])
def test_every_activation(activation):
    x, y = small_task()
    network = MLP([6, 8, 5, 3], activation=activation, seed=1)
    ours, theirs, model = both_losses(network, SGD(learning_rate=0.05), x, y, 16, 20)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)
    back = MLP([6, 8, 5, 3], activation=activation)
    copy_weights(model, back)
    np.testing.assert_allclose(back.parameters, network.parameters, rtol=0, atol=1e-4)


def test_an_activation_a_layer():
    x, y = small_task()
    network = MLP([6, 8, 5, 4, 3], activation=["leaky_relu", "linear", "tanh"], seed=1)
    ours, theirs, model = both_losses(network, SGD(learning_rate=0.05), x, y, 16, 20)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)
    np.testing.assert_allclose(np.concatenate([w.ravel() for w in model.get_weights()]), network.parameters, atol=1e-4)


def test_the_twins_are_independent():
    network = MLP([6, 3], seed=1)
    model = keras_twin(network)
    before = network.parameters.copy()
    x, y = small_task()
    model.train_on_batch(x, y)
    np.testing.assert_array_equal(network.parameters, before)
    network.parameters[:] = 0
    assert abs(model.get_weights()[0]).max() > 0.1


# -- and back --------------------------------------------------------------------------------------------------------


def test_the_articles_model(keras):
    """Softmax at the end and a loss from probabilities: the same network as logits and a loss from them."""
    dense = keras.layers.Dense
    layers = [keras.Input((784,)), dense(64, activation="relu"), dense(64, activation="relu")]
    model = keras.Sequential([*layers, dense(10, activation="softmax")])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    network = MLP([784, 64, 64, 10])
    copy_weights(model, network)
    data = load_mnist()
    x, y = data.x_val[:200], data.y_val[:200]
    np.testing.assert_allclose(network.predict_probabilities(x), model.predict(x, verbose=0), rtol=0, atol=1e-5)
    np.testing.assert_allclose(network.evaluate(x, y), model.evaluate(x, y, verbose=0), rtol=0, atol=1e-5)


def test_weights_of_other_shapes_are_refused(keras):
    network = MLP([6, 4, 3], seed=1)
    before = network.parameters.copy()
    for model in (keras_twin(MLP([6, 3])), keras_twin(MLP([6, 3, 4])), keras_twin(MLP([6, 4, 3, 3]))):
        with pytest.raises(
            ValueError, match=r"model: got weights of shapes .* expected \[\(6, 4\), \(4,\), \(4, 3\), \(3,\)\]"
        ):
            copy_weights(model, network)
    np.testing.assert_array_equal(network.parameters, before)


# -- what has no twin ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (Adam(), "convention: got 'paper' for Adam; expected 'keras'"),
        (Adam(convention="pytorch"), "convention: got 'pytorch' for Adam; expected 'keras'"),
        (SGD(0.1, momentum=0.9, convention="pytorch"), "convention: got 'pytorch' for SGD"),
        (SGD(0.1, weight_decay=0.1, convention="pytorch"), "convention: got 'pytorch' for SGD"),
        (Adam(convention="keras", bias_correction=False), "bias_correction: got False for Adam; Keras has only True"),
        (optimizers.Nadam(convention="keras", momentum_decay=0.004), "momentum_decay: got 0.004 for Nadam"),
        (optimizers.Nesterov(0.1), "optimizer: got Nesterov; Keras has none like it, only like"),
        (second_order.Shampoo(), "optimizer: got Shampoo; Keras has none like it, only like"),
        (second_order.SOAP(), "optimizer: got SOAP; Keras has none like it, only like"),
        (second_order.KFAC(), "optimizer: got KFAC; Keras has none like it, only like"),
        (second_order.NaturalGradient(0.1), "optimizer: got NaturalGradient; Keras has none like it"),
        (SGD(0.1, ema_momentum=0.9, gradient_accumulation_steps=2), "ema_momentum: got one together with"),
    ],
)
def test_optimizers_without_a_twin(optimizer, message):
    with pytest.raises(NoTwinError) as error:
        keras_twin(MLP([6, 3]), optimizer)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "optimizer",
    [
        SGD(0.1, momentum=0.9),
        SGD(0.1, convention="pytorch"),
        GradientDescent(0.1),
        GradientDescent(convention="pytorch"),
        optimizers.Lion(0.01, weight_decay=0.1),
        optimizers.Adadelta(0.01, convention="pytorch", rho=0.95),
    ],
)
def test_conventions_that_agree(optimizer):
    x, y = small_task()
    ours, theirs, _ = both_losses(MLP([6, 3], seed=1), optimizer, x, y, 16, 20)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


def test_an_optimizer_under_way_has_no_twin():
    network, optimizer = MLP([6, 3]), SGD(0.1)
    x, y = small_task()
    optimizer.step(network.parameters, network.loss_and_gradient(x, y)[1])
    with pytest.raises(NoTwinError, match="has taken 1 steps; expected a new one"):
        keras_twin(network, optimizer)


class HomeMade(SGD):
    """A learner's own rule, of which the bridge cannot know the formula."""


@pytest.mark.parametrize(
    ("network", "optimizer", "message"),
    [
        ("MLP", None, "network: got 'MLP'; expected an MLP"),
        (MLP([6, 3], l2=0.1, dtype="float64"), None, "l2: got a penalty for a float64 network"),
        (MLP([6, 3]), "adam", "optimizer: got 'adam'; expected an Optimizer"),
        (MLP([6, 3]), HomeMade(0.1), "optimizer: got HomeMade; Keras has none like it"),
    ],
)
def test_wrong_arguments(network, optimizer, message):
    with pytest.raises((TypeError, ValueError)) as error:
        keras_twin(network, optimizer)
    assert message in str(error.value)


def test_muon_with_and_without_the_output_layer():
    for exclude_output in (True, False):
        optimizer = make("Muon", exclude_output=exclude_output)
        x, y = small_task()
        ours, theirs, _ = both_losses(MLP([6, 8, 3], seed=1), optimizer, x, y, 16, 20)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-4)


# -- the import ------------------------------------------------------------------------------------------------------

SILENT = """
import os, sys
from nnopt_utils._quiet import REPRODUCIBLE
from nnopt_utils.keras_bridge import import_keras, keras_twin
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
keras = import_keras()
assert not set(REPRODUCIBLE) & set(os.environ), "put back"
import numpy as np
import tensorflow as tf
from nnopt_utils.networks import MLP
model = keras_twin(MLP([4, 3, 2]))
model.fit(np.ones((8, 4)), np.zeros(8), epochs=2, verbose=0, batch_size=4)
tf.function(lambda z: tf.linalg.matmul(z, z))(tf.ones((2, 2)))
print(keras.backend.backend(), import_keras() is keras)
print("still there", file=sys.stderr)
"""


def test_the_first_import_is_silent():
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(Path.home())}  # none of the variables that quiet TensorFlow
    run = subprocess.run(
        [sys.executable, "-c", SILENT], capture_output=True, text=True, env=environment, cwd=ROOT, timeout=240
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == "still there\n"
    assert run.stdout == "tensorflow True\n"


def test_another_backend_is_refused(monkeypatch, keras):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(RuntimeError, match=r"Keras runs on 'jax'; expected 'tensorflow'"):
        import_keras.__wrapped__()


def test_without_keras(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(ImportError, match=r"pip install -r requirements.txt"):
        import_keras.__wrapped__()


def test_what_a_user_has_set_stays(monkeypatch):
    import os

    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    import_keras.__wrapped__()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "1" and "CUDA_VISIBLE_DEVICES" not in os.environ
    assert set(REPRODUCIBLE) == {
        "KERAS_BACKEND",
        "TF_CPP_MIN_LOG_LEVEL",
        "TF_ENABLE_ONEDNN_OPTS",
        "CUDA_VISIBLE_DEVICES",
    }


def test_without_a_stderr():
    code = "import os; os.close(2); from nnopt_utils.keras_bridge import import_keras; print(import_keras().__name__)"
    run = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT, timeout=240)
    assert run.stdout == "keras\n"
