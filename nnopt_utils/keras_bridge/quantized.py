"""Keras's own quantization of a network's twin: ``model.quantize`` in the modes that an MLP can have."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from nnopt_utils._validation import check_array, check_choice
from nnopt_utils.keras_bridge.deployed import DeployedModel, bare_twin, check_calibration, check_network
from nnopt_utils.keras_bridge.importing import import_keras
from nnopt_utils.keras_bridge.silence import no_logs, silence
from nnopt_utils.losses import Loss
from nnopt_utils.networks import MLP

MODES = ("float32", "int8", "int4", "gptq")
GPTQ_BITS = (2, 3, 4, 8)


class QuantizedModel(DeployedModel):
    """A Keras model, quantized or not, and the size of its ``.keras`` file; made by :func:`keras_quantized`.

    Attributes:
        mode: ``"float32"``, ``"int8"``, ``"int4"`` or ``"gptq"``.
        model: the ``keras.Sequential``, not compiled.

    Example:
        >>> model = keras_quantized(MLP([2, 2], initializer="zeros"), "int8")
        >>> model.mode, model.forward(np.eye(2)).tolist()
        ('int8', [[0.0, 0.0], [0.0, 0.0]])
    """

    def __init__(self, model: Any, mode: str, name: str, loss_function: Loss) -> None:
        super().__init__(name, _file_size(model), loss_function)
        self.model, self.mode = model, mode

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return the outputs (logits), (n, n_out), by Keras's ``predict_on_batch``.

        Args:
            x: inputs, (n, n_in).
        """
        x = check_array("x", x, shape=(None, self.model.input_shape[-1]))
        with no_logs():
            return np.asarray(self.model.predict_on_batch(x.astype(np.float32, copy=False)))


def keras_quantized(network: MLP, mode: str, calibration: np.ndarray | None = None, bits: int = 4) -> QuantizedModel:
    """Return the network's Keras twin after ``model.quantize(mode)``, with Keras's default settings.

    ============  =====================================================================================================
    ``float32``   not quantized, to compare with
    ``int8``      int8 weights, a scale a unit; inputs of a layer become int8 in each call, a scale a row
    ``int4``      int4 weights, two a byte, a scale and a zero point for 128 weights of a unit; inputs stay float32
    ``gptq``      weights of 2, 3, 4 or 8 bits by GPTQ, in the same groups; below 8 bits only 4 are packed, two a byte
    ============  =====================================================================================================

    Keras's GPTQ is made for transformers: its calibration data are integers, tokens, which the layers of
    ``"pre_block_layers"`` turn into the blocks' inputs. Here the tokens are the numbers of the calibration rows, and an
    embedding whose table these rows are looks them up; each ``Dense`` layer is a block. In Keras 3.15 GPTQ listens at
    ``layer.call``, which a layer in a quantized mode goes past: it sees no data and is plain rounding, without an
    error (mended by keras-team/keras pull request 23512). Here the blocks go through ``layer.call`` as well.

    Args:
        network: an ``MLP``, compressed or not; its activations must be Keras's own for ``"gptq"`` (not
            ``"leaky_relu"``, which is a layer of its own).
        mode: one of the above.
        calibration: inputs, (n, n_in), for ``"gptq"``: some hundred of the training data.
        bits: of ``"gptq"``: 2, 3, 4 (default) or 8.

    Raises:
        TypeError, ValueError: not a network, an unknown mode, no calibration data for ``"gptq"``, other bits.
        ImportError: Keras or TensorFlow is not installed.

    Example:
        >>> network = MLP([256, 64, 4], seed=0)
        >>> x = np.random.default_rng(0).uniform(size=(50, 256)).astype(np.float32)
        >>> whole, quantized = (keras_quantized(network, mode) for mode in ("float32", "int8"))
        >>> whole.n_bytes > 2 * quantized.n_bytes
        True
        >>> float(np.abs(quantized.forward(x) - network.forward(x)).max()) < 0.05
        True

    Source: keras.io/api/models, ``Model.quantize``; GPTQ: E. Frantar, S. Ashkboos, T. Hoefler, D. Alistarh, ICLR 2023,
    https://arxiv.org/abs/2210.17323.

    Warning:
        A ``.keras`` file is an archive of an HDF5 file and two descriptions: some 15 kB are not weights. GPTQ runs
        column by column in Python, a few seconds for a layer of 784 inputs; and what Keras 3.15 writes after it lacks
        the zero points, cannot be loaded, and is measured as it is.
    """
    check_choice("mode", mode, MODES)
    plain = check_network(network)
    rows = check_calibration(calibration, plain, 'mode "gptq"') if mode == "gptq" else np.empty((0, 0))
    if bits not in GPTQ_BITS:
        raise ValueError(f"bits: got {bits!r}; expected one of {', '.join(map(str, GPTQ_BITS))}")
    if mode == "gptq" and "leaky_relu" in [function.name for function in plain.activation_functions]:
        raise ValueError("network: got the activation 'leaky_relu'; expected one of Dense's own for mode \"gptq\"")
    model = bare_twin(plain)
    with silence():
        if mode == "gptq":
            _gptq(model, rows, bits)
        elif mode != "float32":
            model.quantize(mode)
    name = f"Keras {mode}, {bits} bits" if mode == "gptq" else f"Keras {mode}"
    return QuantizedModel(model, mode, name, plain.loss_function)


def _gptq(model: Any, rows: np.ndarray, bits: int) -> None:
    """Keras's GPTQ on all rows in one sample: as a sequence of tokens, each the number of a row."""
    keras = import_keras()

    class Block(keras.layers.Layer):  # type: ignore[name-defined]
        """A dense layer that is also called where Keras 3.15 listens to it: see ``keras_quantized``."""

        def __init__(self, dense: Any) -> None:
            super().__init__()
            self.dense = dense

        def call(self, inputs: Any) -> Any:
            if not self.dense.is_gptq_calibrated:
                self.dense.call(inputs)
            return self.dense(inputs)

    lookup = keras.layers.Embedding(*rows.shape)
    lookup.build()
    lookup.set_weights([rows])
    config = keras.quantizers.GPTQConfig(
        dataset=[np.arange(len(rows))],
        tokenizer="not used: the data are tokens",
        weight_bits=bits,
        num_samples=1,
        sequence_length=len(rows),
        quantization_layer_structure={
            "pre_block_layers": [lookup],
            "sequential_blocks": [Block(layer) for layer in model.layers],
        },
    )
    model.quantize("gptq", config=config)
    config.quantization_layer_structure = None  # the layers keep the config, and cannot be saved with themselves in it


def _file_size(model: Any) -> int:
    with tempfile.TemporaryDirectory() as folder, silence():
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.stat().st_size
