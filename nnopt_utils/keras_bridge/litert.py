"""A network through TensorFlow's converter to LiteRT (the former TensorFlow Lite), and run by LiteRT's interpreter."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import NamedTuple

import numpy as np

from nnopt_utils._commands import install_litert
from nnopt_utils._quiet import REPRODUCIBLE, environment
from nnopt_utils._validation import as_array, check_array, check_choice, check_integer, describe
from nnopt_utils.keras_bridge.deployed import DeployedModel, bare_twin, check_calibration, check_network
from nnopt_utils.keras_bridge.importing import import_keras
from nnopt_utils.keras_bridge.silence import silence
from nnopt_utils.losses import Loss
from nnopt_utils.networks import MLP

KINDS = ("float32", "dynamic", "int8")
KERNELS = {"default": "AUTO", "reference": "BUILTIN_REF"}
INT8 = np.iinfo(np.int8)


class IntegerTensors(NamedTuple):
    """What an int8 model is made of, by the names that ``compression.IntegerMLP`` takes.

    Attributes:
        weights: int8 a layer, (fan-in, fan-out).
        biases: int32 a layer, (fan-out,).
        weight_scales: float64 a layer, (fan-out,) or (1,).
        activation_scales: pairs (scale, zero point), of the inputs and of each layer's outputs.
        rectified: whether a layer ends in a ReLU.

    Example:
        >>> from nnopt_utils.compression import IntegerMLP
        >>> x = np.random.default_rng(0).uniform(size=(50, 8)).astype(np.float32)
        >>> model = litert_model(MLP([8, 6, 3], seed=0), "int8", x, kernels="reference")
        >>> integer = IntegerMLP(**model.integer_tensors()._asdict())
        >>> codes = integer.input_scale.encode(x)
        >>> bool((integer.forward_integer(codes) == model.forward_integer(codes)).all())
        True
    """

    weights: list[np.ndarray]
    biases: list[np.ndarray]
    weight_scales: list[np.ndarray]
    activation_scales: list[tuple[float, int]]
    rectified: list[bool]


class LiteRTModel(DeployedModel):
    """A model in LiteRT's file format and its interpreter; made by :func:`litert_model`.

    Args:
        content: a ``.tflite`` file's bytes: of a model with one input (n, n_in) and one output.
        kind: ``"float32"``, ``"dynamic"`` or ``"int8"``.
        loss_function: what the outputs mean.
        kernels: ``"default"``, XNNPACK where it can, or ``"reference"``, slow C++ loops.
        threads: how many of the processor's; default 1.

    Attributes:
        content: the file's bytes.
        kind: as the argument.

    Raises:
        ImportError: LiteRT is not installed; it says how to install it.

    Example:
        >>> model = litert_model(MLP([2, 2], initializer="zeros"))
        >>> model.forward(np.eye(2)).tolist(), model.n_bytes == len(model.content)
        ([[0.0, 0.0], [0.0, 0.0]], True)
    """

    def __init__(
        self, content: bytes, kind: str, loss_function: Loss, kernels: str = "default", threads: int = 1
    ) -> None:
        super().__init__(f"LiteRT {kind}", len(content), loss_function)
        self.content, self.kind = content, check_choice("kind", kind, KINDS)
        module = _import_litert("interpreter")
        resolver = getattr(module.OpResolverType, KERNELS[check_choice("kernels", kernels, KERNELS)])
        with silence():
            self._interpreter = module.Interpreter(
                model_content=content,
                num_threads=check_integer("threads", threads, low=1),
                experimental_op_resolver_type=resolver,
            )
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        self._rows = int(self._input["shape"][0])

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return the outputs (logits), float32, (n, n_out): for ``"int8"`` those that the codes stand for.

        Args:
            x: inputs, (n, n_in).
        """
        x = check_array("x", x, shape=(None, int(self._input["shape"][1])))
        if self.kind != "int8":
            return self._run(x.astype(np.float32, copy=False))
        scale, zero = self._input["quantization"]
        codes = np.clip(np.rint(x / scale) + zero, INT8.min, INT8.max).astype(np.int8)
        scale, zero = self._output["quantization"]
        return np.float32(scale) * (self._run(codes).astype(np.float32) - np.float32(zero))

    def forward_integer(self, codes: np.ndarray) -> np.ndarray:
        """Return the outputs' codes, int8, (n, n_out), of an ``"int8"`` model.

        Args:
            codes: of the inputs, int8, (n, n_in).

        Raises:
            ValueError: another kind of model, dtype or shape.

        Example:
            >>> network = MLP([4, 2], initializer=lambda n, m, generator: np.ones((n, m)))
            >>> model = litert_model(network, "int8", np.eye(4))
            >>> model.forward_integer(np.full((1, 4), -128, np.int8)).tolist()        # −128 is the code of 0
            [[-128, -128]]
        """
        if self.kind != "int8":
            raise ValueError(f"kind: got {self.kind!r}; expected 'int8' for codes")
        codes, n_in = as_array(codes), int(self._input["shape"][1])
        if codes.dtype != np.int8 or codes.ndim != 2 or codes.shape[1] != n_in:
            raise ValueError(f"codes: got {describe(codes)}; expected int8 of shape (n, {n_in})")
        return self._run(codes)

    def _run(self, values: np.ndarray) -> np.ndarray:
        if len(values) != self._rows:
            with silence():
                self._interpreter.resize_tensor_input(self._input["index"], values.shape)
                self._interpreter.allocate_tensors()
            self._rows = len(values)
        self._interpreter.set_tensor(self._input["index"], values)
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output["index"]))

    def integer_tensors(self) -> IntegerTensors:
        """Return the codes and scales in the file of an ``"int8"`` model, layer by layer.

        Raises:
            ValueError: a model of another kind, or with other operations than fully connected layers.

        Example:
            >>> model = litert_model(MLP([4, 3, 2]), "int8", np.eye(4))
            >>> found = model.integer_tensors()
            >>> [W.shape for W in found.weights], found.rectified
            ([(4, 3), (3, 2)], [True, False])
        """
        schema = _import_litert("schema_py_generated")
        if self.kind != "int8":
            raise ValueError(f"kind: got {self.kind!r}; expected 'int8'")
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(self.content, 0))
        graph = model.subgraphs[0]

        def values(k: int, dtype: type) -> np.ndarray:
            tensor = graph.tensors[k]
            return np.asarray(model.buffers[tensor.buffer].data, dtype=np.uint8).view(dtype).reshape(tensor.shape)

        def pair(k: int) -> tuple[float, int]:
            grid = graph.tensors[k].quantization
            return float(grid.scale[0]), int(grid.zeroPoint[0])

        found = IntegerTensors([], [], [], [pair(graph.inputs[0])], [])
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex].builtinCode
            if code != schema.BuiltinOperator.FULLY_CONNECTED:
                raise ValueError(f"model: got the operation {code}; expected fully connected layers alone")
            _, weights, bias = operator.inputs
            W = values(weights, np.int8).T
            activation = operator.builtinOptions.fusedActivationFunction
            found.weights.append(W)
            found.biases.append(values(bias, np.int32) if bias >= 0 else np.zeros(W.shape[1], np.int32))
            found.weight_scales.append(np.asarray(graph.tensors[weights].quantization.scale, dtype=np.float64))
            found.activation_scales.append(pair(operator.outputs[0]))
            found.rectified.append(activation == schema.ActivationFunctionType.RELU)
        return found


def litert_model(
    network: MLP,
    kind: str = "float32",
    calibration: np.ndarray | None = None,
    kernels: str = "default",
    threads: int = 1,
) -> LiteRTModel:
    """Convert a network to LiteRT's format with TensorFlow's converter, and return it with LiteRT's interpreter.

    ============  =====================================================================================================
    ``float32``   as it is
    ``dynamic``   int8 weights; inputs become int8 in each call. A matrix of fewer than 1,024 weights stays float32
    ``int8``      int8 weights and activations, whose ranges ``calibration`` gives; inputs and outputs are int8, too
    ============  =====================================================================================================

    Args:
        network: an ``MLP``, compressed or not.
        kind: one of the above.
        calibration: inputs, (n, n_in), for ``"int8"``: some hundred of the training data.
        kernels: ``"default"``, XNNPACK where it can, or ``"reference"``, slow C++ loops.
        threads: how many of the processor's the interpreter takes; default 1.

    Raises:
        TypeError, ValueError: not a network, an unknown kind, no calibration data for ``"int8"``.
        ImportError: TensorFlow or LiteRT is not installed; it says how to install them.

    Example:
        >>> network = MLP([64, 32, 4], seed=0)
        >>> x = np.random.default_rng(0).uniform(size=(50, 64)).astype(np.float32)
        >>> model = litert_model(network, "int8", x)
        >>> float(np.abs(model.forward(x) - network.forward(x)).max()) < 0.05
        True

    Source: ai.google.dev/edge/litert, "Post-training quantization".

    Warning:
        Default and reference kernels round differently: of LeNet-300-100's 100,000 output codes for MNIST's test set
        two differ, by 1. ``compression.IntegerMLP`` computes the reference kernels' integers (of LiteRT 2.3, x86-64).
    """
    check_choice("kind", kind, KINDS)
    plain = check_network(network)
    rows = check_calibration(calibration, plain, 'kind "int8"') if kind == "int8" else np.empty((0, 0))
    _import_litert("interpreter")
    return LiteRTModel(_converted(plain, kind, rows), kind, plain.loss_function, kernels, threads)


def _converted(network: MLP, kind: str, rows: np.ndarray) -> bytes:
    """The bytes of a ``.tflite`` file."""
    import_keras()
    import tensorflow

    lite = tensorflow.lite
    with silence():
        converter = lite.TFLiteConverter.from_keras_model(bare_twin(network))
        if kind != "float32":
            converter.optimizations = [lite.Optimize.DEFAULT]
        if kind == "int8":
            converter.representative_dataset = lambda: ([rows],)  # one batch of all: the ranges are the same
            converter.target_spec.supported_ops = [lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tensorflow.int8
        return bytes(converter.convert())


def _import_litert(part: str) -> ModuleType:
    """A module of LiteRT's, imported without a word."""
    with environment(REPRODUCIBLE), silence():
        try:
            return importlib.import_module(f"ai_edge_litert.{part}")
        except ImportError as error:
            message = f"LiteRT's interpreter, the package ai-edge-litert, cannot be imported ({error})"
            raise ImportError(f"{message}; {install_litert()}") from None
