"""From this library to Keras: the same network and optimizer on the other side, with equal weights.

And from there to Keras's quantized models and to LiteRT's: the size of their files, their answers, their times. These
modules alone import TensorFlow, and they do so when a function is called, without a word on stderr.

>>> from nnopt_utils.networks import MLP
>>> from nnopt_utils.optimizers import SGD
>>> model = keras_twin(MLP([784, 64, 64, 10]), SGD(learning_rate=0.1))
>>> model.count_params()
55050
"""

from nnopt_utils.keras_bridge.deployed import DeployedModel, DeployedRow, NumPyModel, deployed_row
from nnopt_utils.keras_bridge.importing import import_keras
from nnopt_utils.keras_bridge.litert import IntegerTensors, LiteRTModel, litert_model
from nnopt_utils.keras_bridge.models import copy_weights, keras_twin
from nnopt_utils.keras_bridge.optimizers import TWINS, NoTwinError, optimizer_to_keras
from nnopt_utils.keras_bridge.quantized import QuantizedModel, keras_quantized

__all__ = [
    "TWINS",
    "DeployedModel",
    "DeployedRow",
    "IntegerTensors",
    "LiteRTModel",
    "NoTwinError",
    "NumPyModel",
    "QuantizedModel",
    "copy_weights",
    "deployed_row",
    "import_keras",
    "keras_quantized",
    "keras_twin",
    "litert_model",
    "optimizer_to_keras",
]
