"""Keras's quantization and LiteRT beside ours: the same answers, the same integers, clear words where they cannot."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from nnopt_utils.compression import CompressedMLP, IntegerMLP, Masked
from nnopt_utils.datasets import load_mnist
from nnopt_utils.keras_bridge import LiteRTModel, NumPyModel, deployed_row, keras_quantized, keras_twin, litert_model
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam
from nnopt_utils.training import fit

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("keras")]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def litert():
    """LiteRT's interpreter; a test that runs it asks for this."""
    return pytest.importorskip("ai_edge_litert.interpreter")


@pytest.fixture(scope="module")
def mnist():
    return load_mnist()


@pytest.fixture(scope="module")
def lenet(mnist):
    network = MLP([784, 300, 100, 10], seed=0)
    fit(network, Adam(learning_rate=0.001), mnist, epochs=1, batch_size=128, seed=0, progress=False)
    return network


@pytest.fixture(scope="module")
def lenet_int8(lenet, mnist, litert):
    return litert_model(lenet, "int8", mnist.x_train[:1000])


def random_network(sizes, seed, **options):
    network, generator = MLP(sizes, seed=seed, **options), np.random.default_rng(seed)
    for b in network.biases:
        b[:] = generator.normal(scale=0.3, size=b.shape)
    return network, generator.normal(size=(300, sizes[0])).astype(np.float32)


# -- LiteRT ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_the_reference_kernels_compute_our_integers(litert, seed):
    """Bit for bit, with the scales and zero points in their file."""
    sizes = [[7, 5, 3], [20, 30, 4], [3, 2], [40, 9, 9, 9, 2], [64, 16, 10], [5, 100, 1]][seed]
    network, x = random_network(sizes, seed, loss="mse")
    model = litert_model(network, "int8", x[:100], kernels="reference")
    ours = IntegerMLP(**model.integer_tensors()._asdict(), loss="mse")
    codes = np.random.default_rng(seed).integers(-128, 128, size=(2000, sizes[0])).astype(np.int8)
    assert len(np.unique(model.forward_integer(codes))) > 20
    assert (ours.forward_integer(codes) == model.forward_integer(codes)).all()


def test_on_mnist_the_reference_kernels_compute_our_integers(lenet, lenet_int8, mnist):
    reference = LiteRTModel(lenet_int8.content, "int8", lenet.loss_function, kernels="reference")
    ours = IntegerMLP(**lenet_int8.integer_tensors()._asdict())
    codes = ours.input_scale.encode(mnist.x_test)
    assert (ours.forward_integer(codes) == reference.forward_integer(codes)).all()
    assert (ours.predict(mnist.x_test) == reference.predict(mnist.x_test)).all()


def multiplied_in_float32(tensors, codes):
    """What XNNPACK does: sums in int32, then times a float32 scale, rounded to nearest, a half to even."""
    for k, (W, b) in enumerate(zip(tensors.weights, tensors.biases, strict=True)):
        (s_1, z_1), (s_3, z_3) = tensors.activation_scales[k : k + 2]
        sums = (codes.astype(float) - z_1) @ W.astype(float) + b
        factor = np.float32(s_1) * tensors.weight_scales[k].astype(np.float32) / np.float32(s_3)
        scaled = np.rint(sums.astype(np.float32) * factor).astype(int) + z_3
        codes = np.clip(scaled, z_3 if tensors.rectified[k] else -128, 127).astype(np.int8)
    return codes


def test_the_default_kernels_differ_by_their_rounding_alone(lenet_int8, mnist):
    tensors = lenet_int8.integer_tensors()
    ours = IntegerMLP(**tensors._asdict())
    codes = ours.input_scale.encode(mnist.x_test)
    default, exact = lenet_int8.forward_integer(codes), ours.forward_integer(codes)
    assert np.abs(default.astype(int) - exact).max() <= 1
    assert np.mean(default != exact) <= 0.0005  # 2 of 100,000 in another run
    assert np.mean(default != multiplied_in_float32(tensors, codes)) <= 0.0001


def test_calibrated_by_ourselves_the_labels_agree(lenet, lenet_int8, mnist):
    ours = IntegerMLP.from_network(lenet, mnist.x_train[:1000])
    assert np.mean(ours.predict(mnist.x_test) == lenet_int8.predict(mnist.x_test)) >= 0.999
    theirs = lenet_int8.integer_tensors()
    for layer, W in zip(ours.layers, theirs.weights, strict=True):
        assert np.abs(layer.weights.astype(int) - W).max() <= 1
    assert ours.input_scale.zero_point == theirs.activation_scales[0][1] == -128
    assert ours.output_scale.scale == pytest.approx(theirs.activation_scales[-1][0], rel=1e-5)


def test_kinds_of_litert(lenet, lenet_int8, mnist):
    whole, dynamic = (litert_model(lenet, kind) for kind in ("float32", "dynamic"))
    outputs = lenet.forward(mnist.x_test)
    np.testing.assert_allclose(whole.forward(mnist.x_test), outputs, atol=1e-4)
    for model in (dynamic, lenet_int8):
        assert 3.7 < whole.n_bytes / model.n_bytes < 4
        assert np.mean(model.predict(mnist.x_test) == lenet.predict(mnist.x_test)) > 0.995
    assert whole.n_bytes > 4 * lenet.n_parameters
    assert whole.accuracy(mnist.x_test, mnist.y_test) == lenet.evaluate(mnist.x_test, mnist.y_test).accuracy


def test_any_number_of_rows_in_any_order(lenet, lenet_int8, mnist):
    expected = lenet_int8.forward(mnist.x_test[:50])
    for n in (1, 50, 7, 1):
        assert (lenet_int8.forward(mnist.x_test[:n]) == expected[:n]).all()


def test_litert_takes_compressed_and_float64_networks(litert):
    network, x = random_network([8, 6, 3], 0)
    kept = np.abs(network.weights[0]) > 0.3
    pruned = CompressedMLP(network, {"weights[0]": Masked(kept)})
    model = litert_model(pruned, "int8", x)
    assert (model.integer_tensors().weights[0][~kept] == 0).all()
    np.testing.assert_allclose(model.forward(x), pruned.forward(x), atol=0.15)
    double = MLP([3, 4, 2], seed=1, dtype="float64", l2=0.1)
    np.testing.assert_allclose(litert_model(double).forward(x[:, :3]), double.forward(x[:, :3]), atol=1e-5)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "leaky_relu", "gelu"])
def test_litert_takes_other_activations(litert, activation):
    network, x = random_network([8, 6, 3], 0, activation=activation)
    np.testing.assert_allclose(litert_model(network).forward(x), network.forward(x), atol=1e-5)
    with pytest.raises(ValueError, match="expected fully connected layers alone"):
        litert_model(network, "int8", x).integer_tensors()


def test_without_litert(monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    message = r"the package ai-edge-litert, cannot be imported .*requirements\.txt|nnopt\[tensorflow,litert\]"
    with pytest.raises(ImportError, match=message):
        litert_model(MLP([2, 2]))


# -- Keras -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "smaller"), [("int8", 3.6), ("int4", 6.0)])
def test_modes_of_keras(lenet, mnist, mode, smaller):
    whole, model = keras_quantized(lenet, "float32"), keras_quantized(lenet, mode)
    assert whole.accuracy(mnist.x_test, mnist.y_test) == lenet.evaluate(mnist.x_test, mnist.y_test).accuracy
    assert whole.n_bytes / model.n_bytes > smaller
    assert np.mean(model.predict(mnist.x_test) == lenet.predict(mnist.x_test)) > 0.985
    assert {str(weights.dtype) for weights in model.model.layers[0].weights} >= {"int8"}


def correlated(n):
    generator = np.random.default_rng(0)
    return (generator.normal(size=(400, 4)) @ generator.normal(size=(4, n))).astype(np.float32)


def test_gptq_errs_less_than_rounding_on_what_it_was_calibrated_with():
    network, _ = random_network([24, 16, 8], 3, loss="mse")
    x = correlated(24)
    errors = {}
    for bits in (2, 3, 4, 8):
        model = keras_quantized(network, "gptq", x, bits=bits)
        errors[bits] = float(np.mean((model.forward(x) - network.forward(x)) ** 2))
    rounded = float(np.mean((keras_quantized(network, "int4").forward(x) - network.forward(x)) ** 2))
    assert errors[2] > errors[3] > errors[4] > errors[8]
    assert errors[4] < rounded / 2


def test_what_keras_says_of_gptq_without_a_transformer(keras):
    """Why there is an embedding in ours; if Keras learns to do it alone, it can go."""
    model = keras_twin(MLP([4, 3, 2]))
    config = keras.quantizers.GPTQConfig(dataset=np.ones((10, 4)), tokenizer=None)
    with pytest.warns(UserWarning), pytest.raises(ValueError, match="a valid quantization structure must be provided"):
        model.quantize("gptq", config=config)


def test_without_our_blocks_keras_gptq_is_rounding(keras):
    """Why there are blocks in ours: if this fails, Keras listens where its layers are called, and they can go."""
    network, _ = random_network([24, 16, 8], 3, loss="mse")
    x = correlated(24)
    model = keras_twin(network)
    lookup = keras.layers.Embedding(*x.shape)
    lookup.build()
    lookup.set_weights([x])
    config = keras.quantizers.GPTQConfig(
        dataset=[np.arange(len(x))],
        tokenizer="none",
        num_samples=1,
        sequence_length=len(x),
        quantization_layer_structure={"pre_block_layers": [lookup], "sequential_blocks": list(model.layers)},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.quantize("gptq", config=config)
    rounded = keras_quantized(network, "int4").forward(x)
    np.testing.assert_allclose(model.predict_on_batch(x), rounded, atol=1e-4)


@pytest.mark.parametrize("mode", ["float32", "int8", "int4"])
def test_a_quantized_model_can_be_saved_and_loaded(keras, tmp_path, mode):
    network, x = random_network([8, 6, 3], 0)
    model = keras_quantized(network, mode)
    model.model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict_on_batch(x), model.forward(x), atol=1e-5)


def test_what_keras_writes_after_gptq_cannot_be_loaded(keras, tmp_path):
    """If it can, the warning in ``keras_quantized`` can go."""
    network, x = random_network([8, 6, 3], 0)
    keras_quantized(network, "gptq", x[:50]).model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="expected 5 variables, but received 4"):
        keras.saving.load_model(tmp_path / "model.keras")


# -- both ------------------------------------------------------------------------------------------------------------


def test_networks_are_left_as_they_are(litert):
    network, x = random_network([8, 6, 3], 0)
    before = network.parameters.copy()
    for convert in (keras_quantized, litert_model):
        convert(network, "int8", x)
    assert (network.parameters == before).all()


@pytest.mark.parametrize("loss", ["mse", "binary_cross_entropy", "half_mse"])
def test_other_losses(litert, loss):
    network, x = random_network([8, 6, 2], 0, loss=loss)
    for model in (keras_quantized(network, "int8"), litert_model(network)):
        assert model.predict(x).shape == (300, 2)
        right = model.accuracy(x, np.ones((300, 2)))
        assert 0 <= right <= 1 if loss.startswith("binary") else np.isnan(right)


def test_a_row_of_the_table(lenet, mnist):
    row = deployed_row(NumPyModel("ours", 7, lenet), mnist.x_test, mnist.y_test, repeats=5)
    assert (row.name, row.n_bytes) == ("ours", 7)
    assert row.accuracy == lenet.evaluate(mnist.x_test, mnist.y_test).accuracy
    assert 0 < row.ms_one < row.ms_many


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: keras_quantized("lenet", "int8"), TypeError, "network: got 'lenet'; expected an MLP"),
        (lambda: litert_model("lenet"), TypeError, "network: got 'lenet'; expected an MLP"),
        (lambda: keras_quantized(MLP([2, 2]), "int9"), ValueError, "mode: got 'int9'; .*did you mean 'int8'"),
        (lambda: litert_model(MLP([2, 2]), "int9"), ValueError, "kind: got 'int9'; .*did you mean 'int8'"),
        (lambda: keras_quantized(MLP([2, 2]), "gptq"), ValueError, r"calibration: got None; expected .*\(n, 2\)"),
        (lambda: litert_model(MLP([2, 2]), "int8"), ValueError, r"calibration: got None; expected .*\(n, 2\)"),
        (lambda: litert_model(MLP([2, 2]), "int8", np.ones((3, 3))), ValueError, "x: got"),
        (
            lambda: keras_quantized(MLP([2, 2]), "gptq", np.ones((3, 2)), bits=5),
            ValueError,
            "bits: got 5; expected one",
        ),
        (
            lambda: keras_quantized(MLP([2, 2, 2], activation="leaky_relu"), "gptq", np.ones((3, 2))),
            ValueError,
            "network: got the activation 'leaky_relu'",
        ),
        (lambda: keras_quantized(MLP([2, 2]), "int8").forward(np.ones((1, 3))), ValueError, "x: got"),
        (lambda: NumPyModel("ours", 1, MLP([2, 2])).milliseconds(np.ones((1, 2)), 0), ValueError, "repeats: got 0"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model: litert_model(MLP([2, 2]), kernels="fast"), "kernels: got 'fast'"),
        (lambda model: litert_model(MLP([2, 2]), threads=0), "threads: got 0"),
        (lambda model: model.forward(np.ones((1, 3))), "x: got"),
        (lambda model: model.forward_integer(np.ones((1, 784))), "codes: got .*expected int8"),
        (lambda model: litert_model(MLP([2, 2])).forward_integer(np.ones((1, 2), np.int8)), "kind: got 'float32'"),
        (lambda model: litert_model(MLP([2, 2])).integer_tensors(), "kind: got 'float32'"),
    ],
)
def test_bad_input_to_litert(lenet_int8, call, message):
    with pytest.raises(ValueError, match=message):
        call(lenet_int8)


SILENT = """
import numpy as np
from nnopt_utils.keras_bridge import keras_quantized, litert_model
from nnopt_utils.networks import MLP
x = np.random.default_rng(0).uniform(size=(20, 4)).astype(np.float32)
network = MLP([4, 3, 2])
for mode in ("float32", "int8", "int4", "gptq"):
    keras_quantized(network, mode, x).forward(x)
for kind in ("float32", "dynamic", "int8"):
    model = litert_model(network, kind, x)
    model.forward(x), model.forward(x[:1])
model.integer_tensors()
"""


def test_not_a_word(litert):
    run = subprocess.run([sys.executable, "-c", SILENT], capture_output=True, text=True, cwd=ROOT, timeout=240)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_many_models_log_nothing(caplog):
    """TensorFlow warns of functions that are traced again and again; in a notebook that would be seen."""
    for width in range(2, 10):
        keras_quantized(MLP([width, 2]), "float32").forward(np.ones((1, width)))
    assert caplog.records == []
