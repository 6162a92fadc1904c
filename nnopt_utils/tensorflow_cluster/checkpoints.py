"""The training so far in one file: what a cluster goes on from, and how its result comes back."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from nnopt_utils.tensorflow_cluster.result import ClusterHistory


@dataclass
class Checkpoint:
    """θ, the velocity of momentum, and the record; all of the same step."""

    parameters: np.ndarray
    velocity: np.ndarray
    history: ClusterHistory

    def save(self, path: Path) -> None:
        """Write the file; at every moment it is the old one or the new one, never a part."""
        unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        with unfinished.open("wb") as stream:
            record = json.dumps(asdict(self.history))
            np.savez(stream, parameters=self.parameters, velocity=self.velocity, history=np.array(record))
        unfinished.replace(path)

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read the file."""
        with np.load(path, allow_pickle=False) as file:
            history = ClusterHistory(**json.loads(str(file["history"])))
            return cls(file["parameters"], file["velocity"], history)
