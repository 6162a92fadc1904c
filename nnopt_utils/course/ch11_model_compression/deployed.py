"""LeNet-300-100 in our forms, in Keras's and in LiteRT's: bytes, errors and times of one machine.

The table is part of the course. Make it anew on a quiet machine (two minutes), with TensorFlow and LiteRT installed::

    python -m nnopt_utils.course.ch11_model_compression.deployed
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from nnopt_utils._folders import data_folder
from nnopt_utils.compression import IntegerMLP, gptq, prune, quantize, remove_neurons, share_weights, to_bytes
from nnopt_utils.course.ch11_model_compression.measured import dense_network, trained
from nnopt_utils.datasets import Dataset, load_mnist
from nnopt_utils.keras_bridge import DeployedModel, NumPyModel, deployed_row, keras_quantized, litert_model
from nnopt_utils.networks import MLP

FOLDER = data_folder() / "experiments"
TABLE = "11_deployed.jsonl"


def ours(dense: MLP, data: Dataset) -> list[DeployedModel]:
    """The forms of this library. What is in a file is decoded to float32, but for the one with integers alone."""
    calibration = data.x_train[:2000]
    int8 = quantize(dense, bits=8)
    pruned = trained(prune(dense, 0.9), data, epochs=4)
    networks = {
        "float32": dense,
        "8 bits, decoded": int8,
        "GPTQ, 3 bits, decoded": gptq(dense, calibration, bits=3),
        "pruned 90 %, 16 values, decoded": share_weights(pruned, clusters=16),
        "half of the units": trained(remove_neurons(dense, keep=0.5, x=data.x_train[:5000]), data, epochs=4),
    }
    models: list[DeployedModel] = []
    for name, network in networks.items():
        plain = network.decoded() if hasattr(network, "decoded") else network
        models.append(NumPyModel(f"NumPy: {name}", len(to_bytes(network)), plain))
    integers = IntegerMLP.from_network(dense, calibration)
    return [*models, NumPyModel("NumPy: 8 bits, integers alone", len(to_bytes(int8)), integers)]


def theirs(dense: MLP, data: Dataset) -> list[DeployedModel]:
    """Those of Keras 3 and of LiteRT."""
    calibration = data.x_train[:2000]
    models: list[DeployedModel] = [keras_quantized(dense, mode, calibration) for mode in ("float32", "int8", "int4")]
    models.append(keras_quantized(dense, "gptq", calibration))
    return [*models, *(litert_model(dense, kind, calibration) for kind in ("float32", "dynamic", "int8"))]


def rows(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """The committed table."""
    return [json.loads(line) for line in (folder / TABLE).read_text(encoding="utf-8").splitlines()]


def main(folder: Path = FOLDER) -> None:
    """Write the table."""
    data = load_mnist()
    dense = dense_network("LeNet-300-100", data, seed=0)
    with threadpool_limits(1, user_api="blas"):
        found = [
            deployed_row(model, data.x_test, data.y_test)._asdict() for model in ours(dense, data) + theirs(dense, data)
        ]
    shown = [{name: round(v, 4) if isinstance(v, float) else v for name, v in row.items()} for row in found]
    (folder / TABLE).write_text("".join(json.dumps(row) + "\n" for row in shown), encoding="utf-8")


if __name__ == "__main__":
    main()
