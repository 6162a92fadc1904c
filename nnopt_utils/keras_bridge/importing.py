"""Keras on TensorFlow, imported without a word on stderr."""

from __future__ import annotations

import warnings
from functools import lru_cache
from types import ModuleType

from nnopt_utils._commands import install_tensorflow
from nnopt_utils._quiet import REPRODUCIBLE, environment, silent_stderr


@lru_cache(maxsize=1)
def import_keras() -> ModuleType:
    """Import Keras and TensorFlow silently and return the module ``keras``.

    TensorFlow's C++ part writes to file descriptor 2 when it is imported and again at its first operation, which
    starts its runtime. Both happen here, with the descriptor turned to nowhere. Four environment variables are set
    meanwhile (``_quiet.REPRODUCIBLE``, unless they are set already) and put back afterwards. A later
    ``import tensorflow`` is quiet as well. The first call takes some seconds, later ones nothing.

    Raises:
        ImportError: Keras or TensorFlow is not installed; it says how to install them.
        RuntimeError: Keras has already been imported with another backend.

    Example:
        >>> keras = import_keras()
        >>> keras.backend.backend()
        'tensorflow'

    Warning:
        Without oneDNN (``TF_ENABLE_ONEDNN_OPTS=0``) TensorFlow's last digits are the same on every processor. To have
        its defaults, set the variable to 1 before the first call.
    """
    with environment(REPRODUCIBLE), silent_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import keras
            import tensorflow  # noqa: F401 (Keras imports it later by itself, not silently)
        except ImportError as error:
            raise ImportError(
                f"Keras needs TensorFlow, and cannot be imported ({error}); {install_tensorflow()}"
            ) from None
        if keras.backend.backend() != "tensorflow":
            raise RuntimeError(
                f"Keras runs on {keras.backend.backend()!r}; expected 'tensorflow': set KERAS_BACKEND before Keras is "
                "imported for the first time, or restart the kernel and let import_keras do it"
            )
        keras.ops.convert_to_numpy(keras.ops.add(1.0, 1.0))
    return keras
