"""From this library to Keras: the same network and optimizer on the other side, with equal weights.

The only modules that import TensorFlow, and they do so when a function is called, without a word on stderr.

>>> from nnopt_utils.networks import MLP
>>> from nnopt_utils.optimizers import SGD
>>> model = keras_twin(MLP([784, 64, 64, 10]), SGD(learning_rate=0.1))
>>> model.count_params()
55050
"""

from nnopt_utils.keras_bridge.importing import import_keras
from nnopt_utils.keras_bridge.models import copy_weights, keras_twin
from nnopt_utils.keras_bridge.optimizers import TWINS, NoTwinError, optimizer_to_keras

__all__ = [
    "TWINS",
    "NoTwinError",
    "copy_weights",
    "import_keras",
    "keras_twin",
    "optimizer_to_keras",
]
