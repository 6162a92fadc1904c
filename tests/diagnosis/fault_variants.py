"""Variants of the planted faults: another strength, layer, optimizer or architecture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnopt_utils.diagnosis.recording import layers_of
from nnopt_utils.faults import Data, Setup, spoiled
from nnopt_utils.networks import MLP, Cut
from nnopt_utils.optimizers import SGD, Adagrad, Adam, AdamW, Lion, Optimizer, RMSprop
from nnopt_utils.schedules import CosineDecay

SIZES = [784, 64, 64, 10]


def of(make: Callable[..., Optimizer], **options: Any) -> dict[str, Any]:
    """The ingredient ``optimizer``: at the setup's rate."""
    return {"optimizer": lambda rate, steps: make(rate, **options)}


def network(sizes: Sequence[int] = SIZES, change: Callable[[MLP], Any] | None = None, **options: Any) -> dict[str, Any]:
    """The ingredient ``network``: an MLP, changed in place."""

    def make(seed: int) -> MLP:
        made = MLP(sizes, seed=seed, **options)
        if change is not None:
            change(made)
        return made

    return {"network": make}


def biases_at(value: float, layer: int, share: float = 1.0) -> Callable[[MLP], None]:
    def change(made: MLP) -> None:
        made.biases[layer][: int(share * len(made.biases[layer]))] = value

    return change


def times(factor: float) -> Callable[[MLP], None]:
    def change(made: MLP) -> None:
        made.parameters[:] *= factor

    return change


def small_normal(fan_in: int, fan_out: int, generator: np.random.Generator) -> np.ndarray:
    return generator.normal(0, 0.01, (fan_in, fan_out))


def twice(**options: Any) -> dict[str, Any]:
    """A network whose loss takes a softmax of the softmax."""

    def change_loss(made: MLP) -> None:
        made.loss_function = spoiled.SpoiledLoss(made.loss_function, spoiled.of_softmax)  # type: ignore[assignment]

    return network(change=change_loss, **options)


class FactorOnGradient(MLP):
    """Some slices of the gradient come out times a factor."""

    layers: tuple[int, ...] = ()
    factor = -1.0
    biases_only = False

    def backpropagate(
        self, x: np.ndarray, y: np.ndarray, theta: np.ndarray, out: Cut | None = None
    ) -> tuple[float, np.ndarray]:
        value, gradient = super().backpropagate(x, y, theta, out)
        for layer in self.layers:
            (self.views(gradient)[1][layer] if self.biases_only else gradient[layers_of(self)[layer]])[:] *= self.factor
        return value, gradient


def factor(value: float, *layers: int, biases_only: bool = False, **options: Any) -> dict[str, Any]:
    kind = type("F", (FactorOnGradient,), {"layers": layers, "factor": value, "biases_only": biases_only})
    return {"network": lambda seed: kind(SIZES, seed=seed, **options)}


class UncorrectedAdamW(AdamW):
    def corrections(self) -> tuple[float, float]:
        return 1.0, 1.0

    def __repr__(self) -> str:
        return super().__repr__().replace(type(self).__name__, "AdamW", 1)


class SGDWithoutDecay(SGD):
    owns_weight_decay = True

    def __repr__(self) -> str:
        return super().__repr__().replace(type(self).__name__, "SGD", 1)


def emptied(*names: str, after: int | None = None) -> dict[str, Any]:
    """A checkpoint that keeps t and loses arrays of the state; of one epoch only where ``after`` says so."""

    def resume(optimizer: Optimizer) -> Optimizer:
        if after is None or optimizer.t == after:
            for name in names or tuple(optimizer.state):
                optimizer.state[name][:] = 0
        return optimizer

    return {"resume": resume}


def prepared(change: Callable[[Data], Data]) -> dict[str, Any]:
    return {"prepare": lambda data, generator: change(data)}


def leak(share: float) -> dict[str, Any]:
    def change(data: Data) -> Data:
        n = int(share * len(data.x_val))
        return data._replace(x=np.concatenate([data.x, data.x_val[:n]]), y=np.concatenate([data.y, data.y_val[:n]]))

    return prepared(change)


def scaled(by: float) -> dict[str, Any]:
    return prepared(lambda data: data._replace(x=data.x * np.float32(by), x_val=data.x_val * np.float32(by)))


def as_float16(theta: np.ndarray) -> None:
    theta[:] = theta.astype(np.float16)


def in_order(n_samples: int, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    return [np.arange(k, min(k + batch_size, n_samples)) for k in range(0, n_samples, batch_size)]


SORTED = {"prepare": spoiled.sorted_by_label}
CUT = {**SORTED, "batches": spoiled.cut_then_shuffled}
HEAVY = of(SGD, momentum=0.9)
DEEP_TANH = [784, *[64] * 6, 10]

# (cause, what differs) → the spoilt ingredients.
NAMED: dict[tuple[str, str], dict[str, Any]] = {
    ("rate_too_high", "SGD, diverges"): {**of(SGD), "learning_rate": 100.0},
    ("rate_too_high", "momentum, stays up"): {**HEAVY, "learning_rate": 2.0},
    ("rate_too_high", "RMSprop"): {**of(RMSprop), "learning_rate": 1.0},
    ("rate_too_high", "Lion"): {**of(Lion), "learning_rate": 0.03},
    ("rate_too_high", "Adam, far"): {"learning_rate": 10.0},
    ("rate_too_high", "GELU"): {"learning_rate": 0.3, **network(activation="gelu")},
    ("rate_too_high", "softmax regression"): {**of(SGD), "learning_rate": 30.0, **network([784, 10])},
    ("rate_too_low", "SGD"): {**of(SGD), "learning_rate": 1e-4},
    ("rate_too_low", "SGD, far"): {**of(SGD), "learning_rate": 1e-5},
    ("rate_too_low", "momentum"): {**HEAVY, "learning_rate": 1e-5},
    ("rate_too_low", "RMSprop"): {**of(RMSprop), "learning_rate": 1e-6},
    ("rate_too_low", "Lion"): {**of(Lion), "learning_rate": 3e-7},
    ("rate_too_low", "tanh"): {"learning_rate": 1e-6, **network(activation="tanh")},
    ("dead_relus", "layer 1"): network(change=biases_at(-30.0, 0)),
    ("dead_relus", "70 % of layer 2"): network(change=biases_at(-8.0, 1, 0.7)),
    ("dead_relus", "70 % of layer 1, SGD"): {
        **network(change=biases_at(-30.0, 0, 0.7)), **of(SGD), "learning_rate": 0.1,
    },
    ("symmetric_weights", "zeros"): network(initializer="zeros"),
    ("symmetric_weights", "zeros, tanh, SGD"): {
        **network(initializer="zeros", activation="tanh"), **of(SGD), "learning_rate": 0.1,
    },
    ("symmetric_weights", "columns equal, rows not"): network(
        initializer=lambda fan_in, fan_out, g: np.repeat(g.normal(0, np.sqrt(2 / fan_in), (fan_in, 1)), fan_out, axis=1)
    ),
    ("unscaled_inputs", "SGD, diverges"): {"prepare": spoiled.unscaled, **of(SGD), "learning_rate": 0.1},
    ("unscaled_inputs", "a thousandth"): scaled(1e-3),
    ("unscaled_inputs", "times 30, tanh"): {**scaled(30.0), **network(activation="tanh")},
    ("torn_labels", "rolled by one"): prepared(lambda data: data._replace(y=np.roll(data.y, 1))),
    ("torn_labels", "sorted labels, SGD"): {
        **prepared(lambda data: data._replace(y=np.sort(data.y))), **of(SGD), "learning_rate": 0.1,
    },
    ("torn_labels", "in the validation set too"): prepared(
        lambda data: data._replace(y=np.roll(data.y, 1), y_val=np.roll(data.y_val, 1))
    ),
    ("torn_labels", "learnt by heart"): {"prepare": spoiled.torn, "epochs": 25},
    ("leaked_data", "5 %"): leak(0.05),
    ("leaked_data", "20 %"): leak(0.2),
    ("leaked_data", "training rows judged"): prepared(lambda d: d._replace(x_val=d.x[:300], y_val=d.y[:300])),
    ("softmax_twice", "SGD"): {**twice(), **of(SGD), "learning_rate": 0.1},
    ("softmax_twice", "l2, tanh"): twice(l2=1e-3, activation="tanh"),
    ("softmax_twice", "softmax regression"): twice(sizes=[784, 10]),
    ("wrong_gradient", "first layer"): factor(-1.0, 0),
    ("wrong_gradient", "last layer, SGD"): {**factor(-1.0, 2), **of(SGD), "learning_rate": 0.1},
    ("wrong_gradient", "all layers, SGD, diverges"): {**factor(-1.0, 0, 1, 2), **of(SGD), "learning_rate": 0.1},
    ("wrong_gradient", "half of one layer's"): factor(0.5, 1),
    ("wrong_gradient", "twice one layer's, sigmoid"): factor(2.0, 1, activation="sigmoid"),
    ("wrong_gradient", "biases alone"): factor(-1.0, 0, 1, biases_only=True),
    ("no_bias_correction", "β₂ = 0.99"): of(spoiled.AdamAsPrinted, beta_2=0.99),
    ("no_bias_correction", "β₂ = 0.95"): of(spoiled.AdamAsPrinted, beta_2=0.95),
    ("no_bias_correction", "AdamW"): of(UncorrectedAdamW, weight_decay=0.1),
    ("no_bias_correction", "Keras's ε"): of(spoiled.AdamAsPrinted, convention="keras"),
    ("no_bias_correction", "under a schedule"): {
        "optimizer": lambda rate, steps: spoiled.AdamAsPrinted(CosineDecay(rate, steps=steps))
    },
    ("batches_before_shuffling", "no shuffling at all"): {**SORTED, "batches": in_order},
    ("batches_before_shuffling", "none, SGD"): {**SORTED, "batches": in_order, **of(SGD), "learning_rate": 0.1},
    ("batches_before_shuffling", "B = 128"): {**CUT, "batch_size": 128},
    ("batches_before_shuffling", "B = 8, Lion"): {**CUT, "batch_size": 8, **of(Lion), "learning_rate": 3e-4},
    ("sum_for_mean", "Adam"): {"network": spoiled.with_sum},
    ("sum_for_mean", "Lion"): {"network": spoiled.with_sum, **of(Lion), "learning_rate": 3e-4},
    ("lost_state", "velocity emptied, t kept"): {**HEAVY, "learning_rate": 0.02, **emptied()},
    ("lost_state", "Nesterov, t kept"): {**of(SGD, momentum=0.9, nesterov=True), "learning_rate": 0.02, **emptied()},
    ("lost_state", "Adam, m and v emptied, t kept"): emptied(),
    ("lost_state", "Adam, once"): emptied(after=63),
    ("lost_state", "momentum, once"): {**HEAVY, "learning_rate": 0.02, **emptied(after=63)},
    ("lost_state", "Adam, m alone"): {**emptied("m"), "epochs": 5},
    ("lost_state", "Lion, t kept"): {**of(Lion), "learning_rate": 3e-4, **emptied()},
    ("lost_state", "Adagrad, begun anew"): {**of(Adagrad), "learning_rate": 0.01, "resume": spoiled.forgotten},
    ("lost_state", "RMSprop, t kept"): {**of(RMSprop), **emptied(), "epochs": 5},
    ("decay_not_applied", "SGD"): {**of(SGDWithoutDecay, weight_decay=0.01), "learning_rate": 0.1},
    ("decay_not_applied", "L2, PyTorch's"): {
        **of(SGDWithoutDecay, weight_decay=0.01, convention="pytorch"), "learning_rate": 0.1,
    },
    ("decay_not_applied", "a tenth of it"): of(spoiled.AdamWAsPrinted, weight_decay=0.01),
    ("schedule_off", "SGD"): {"optimizer": lambda rate, steps: SGD(CosineDecay(0.1, steps=5))},
    ("schedule_off", "falls by a tenth a step"): {"optimizer": lambda rate, steps: Adam(lambda t: rate * 0.9**t)},
    ("schedule_off", "warm-up without end"): {
        "optimizer": lambda rate, steps: Adam(lambda t: rate * (t + 1) / (63 * steps)), "epochs": 3,
    },
    ("vanishing_gradients", "tanh, tiny weights"): network(DEEP_TANH, activation="tanh", initializer=small_normal),
    ("vanishing_gradients", "ReLU, tiny weights"): network(DEEP_TANH, initializer=small_normal),
    ("vanishing_gradients", "five sigmoids, SGD"): {
        **network([784, *[64] * 5, 10], activation="sigmoid"), **of(SGD), "learning_rate": 0.1,
    },
    ("exploding_gradients", "times 3"): network([784, *[64] * 4, 10], change=times(3.0)),
    ("exploding_gradients", "SGD, diverges"): {
        **network([784, *[64] * 4, 10], change=times(4.0)), **of(SGD), "learning_rate": 0.1,
    },
    ("exploding_gradients", "N(0, 1)"): network(initializer=lambda *sizes: sizes[2].normal(size=sizes[:2])),
    ("low_precision", "float16"): {"store": as_float16, "learning_rate": 1e-5},
    ("low_precision", "bfloat16, SGD"): {"store": spoiled.as_bfloat16, **of(SGD), "learning_rate": 0.01},
    ("low_precision", "float16 in a float64 network"): {
        "store": as_float16, "learning_rate": 1e-5, **network(dtype="float64"),
    },
}  # fmt: skip


def _equal_in_one_layer(made: MLP) -> None:
    made.weights[0][:] = 1 / 784


def _noisy_copies(data: Data) -> Data:
    noise = 0.01 * np.random.default_rng(0).normal(size=data.x_val.shape)
    return data._replace(x=np.concatenate([data.x, data.x_val + noise.astype(np.float32)]), y=np.r_[data.y, data.y_val])


# (what it is, why nothing is found) → ingredients. What the signs cannot tell, or what does no harm.
SILENT: dict[tuple[str, str], dict[str, Any]] = {
    ("one layer of equal units", "what they pass on differs: they part and learn"): network(change=_equal_in_one_layer),
    ("a gradient of 0", "a layer frozen on purpose looks the same"): factor(0.0, 1),
    ("half of the labels torn", "neighbours still tell half of them, as with noisy labels"): prepared(
        lambda data: data._replace(y=np.concatenate([data.y[:1000], np.roll(data.y[1000:], 1)]))
    ),
    ("noisy copies of validation rows", "rows are compared byte for byte"): prepared(_noisy_copies),
    ("a decay that comes too late", "looks like a constant rate"): {
        "optimizer": lambda rate, steps: Adam(CosineDecay(rate, steps=63 * steps))
    },
    ("float16 with long steps", "hardly any is lost"): {"store": as_float16, **of(SGD), "learning_rate": 0.01},
}


def setup(ingredients: dict[str, Any]) -> Setup:
    return Setup(epochs=3).changed(**ingredients)
