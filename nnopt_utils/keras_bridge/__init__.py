"""Between this library and Keras: the same network and optimizer on the other side, with equal weights.

The only modules that import TensorFlow, and they do so when a function is called, without a word on stderr.

>>> from nnopt_utils.networks import MLP
>>> from nnopt_utils.optimizers import SGD
>>> model = keras_twin(MLP([784, 64, 64, 10]), SGD(learning_rate=0.1))
>>> model.count_params()
55050
>>> network, optimizer = from_keras(model)
>>> network
MLP([784, 64, 64, 10], activation='relu', loss='cross_entropy', l2=0, dtype='float32'): 55,050 parameters
"""

from nnopt_utils.keras_bridge.errors import NoTwinError
from nnopt_utils.keras_bridge.importing import import_keras
from nnopt_utils.keras_bridge.models import keras_twin
from nnopt_utils.keras_bridge.optimizers import TWINS, optimizer_from_keras, optimizer_to_keras
from nnopt_utils.keras_bridge.reading import from_keras

__all__ = [
    "TWINS",
    "NoTwinError",
    "from_keras",
    "import_keras",
    "keras_twin",
    "optimizer_from_keras",
    "optimizer_to_keras",
]
