"""``diagnose`` on Keras models: it sees data, predictions and the losses of epochs."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from nnopt_utils.diagnosis import Diagnosis, Recorder, diagnose
from nnopt_utils.faults import drawn
from nnopt_utils.networks import MLP

Four = tuple[np.ndarray, ...]


@pytest.fixture(scope="module")
def images() -> Four:
    data, _ = drawn(0)
    return data.x[:1200], data.y[:1200], data.x_val[:300], data.y_val[:300]


def model_of(keras: ModuleType, n_outputs: int = 10, activation: str | None = "softmax", *more: Any) -> Any:
    dense = keras.layers.Dense
    layers = [keras.Input((784,)), dense(32, activation="relu"), dense(n_outputs, activation=activation), *more]
    return keras.Sequential(layers)


def fitted(keras: ModuleType, model: Any, loss: Any, data: Four, optimizer: Any = None, **options: Any) -> Any:
    """Train in place; return what ``fit`` returned."""
    keras.utils.set_random_seed(0)
    model.compile(
        optimizer=optimizer or keras.optimizers.Adam(0.003), loss=loss, metrics=["accuracy"], jit_compile=False
    )
    judged = data[2:] or None
    settings = {"epochs": 3, "batch_size": 64, "verbose": 0, "validation_data": judged} | options
    return model.fit(data[0], data[1], **settings)


def diagnosed(keras: ModuleType, model: Any, loss: Any, data: Four, optimizer: Any = None, **options: Any) -> Diagnosis:
    return diagnose(fitted(keras, model, loss, data, optimizer, **options), model, data)


def sparse(keras: ModuleType, logits: bool = False) -> Any:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)


def one_hot(data: Four) -> Four:
    rows = np.eye(10, dtype=np.float32)
    return data[0], rows[data[1]], data[2], rows[data[3]]


def is_large(data: Four) -> Four:
    return data[0], (data[1] > 4).astype(np.float32), data[2], (data[3] > 4).astype(np.float32)


def test_healthy_models(keras: ModuleType, images: Four) -> None:
    assert diagnosed(keras, model_of(keras), sparse(keras), images).causes == []
    assert diagnosed(keras, model_of(keras, 10, None), sparse(keras, logits=True), images).causes == []
    smooth = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    assert diagnosed(keras, model_of(keras), smooth, one_hot(images)).causes == []


def test_what_it_cannot_see_is_said(keras: ModuleType, images: Four) -> None:
    model = model_of(keras)
    history = fitted(keras, model, sparse(keras), images, epochs=1)
    diagnosis = diagnose(history.history, model, images)  # its dictionary alone is enough
    assert diagnosis.causes == []
    assert {"lost_state", "wrong_gradient", "dead_relus"} <= set(diagnosis.not_examined)
    assert "unscaled_inputs" not in diagnosis.not_examined


def test_penalty_dropout_and_weights_that_were_brought_back(keras: ModuleType, images: Four) -> None:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(32, activation="relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ]
    )
    best = keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True)
    averaged = keras.optimizers.Adam(0.003, use_ema=True)
    assert diagnosed(keras, model, sparse(keras), images, averaged, callbacks=[best]).causes == []


def test_keras_undoes_a_second_softmax_of_its_own(keras: ModuleType, images: Four) -> None:
    """``from_logits=True`` after a softmax layer: Keras warns, finds the logits, and the run is the healthy one."""
    models = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        models.append(model_of(keras))
    once = fitted(keras, models[0], sparse(keras), images)
    with pytest.warns(UserWarning, match="from_logits=True"):
        again = fitted(keras, models[1], sparse(keras, logits=True), images)
        assert diagnose(again, models[1], images).causes == []
    assert again.history["loss"] == pytest.approx(once.history["loss"], rel=1e-4)


def test_softmax_twice(keras: ModuleType, images: Four) -> None:
    def own_loss(y: Any, p: Any) -> Any:
        return keras.losses.sparse_categorical_crossentropy(y, p, from_logits=False)

    def of_softmax(y: Any, p: Any) -> Any:
        return own_loss(y, keras.ops.softmax(p))

    assert diagnosed(keras, model_of(keras), own_loss, images[:2]).causes == []
    model = model_of(keras)
    history = fitted(keras, model, of_softmax, images)
    assert diagnose(history, model, images).causes == ["softmax_twice"]
    assert diagnose(history, model, images[:2]).causes == ["softmax_twice"]
    layered = model_of(keras, 10, "softmax", keras.layers.Softmax())
    assert diagnosed(keras, layered, sparse(keras), images, epochs=5).causes == ["softmax_twice"]


DATA: dict[str, tuple[str, Callable[[Four], Four]]] = {
    "bytes": ("unscaled_inputs", lambda d: ((d[0] * 255).astype(np.uint8), d[1], (d[2] * 255).astype(np.uint8), d[3])),
    "leaked": ("leaked_data", lambda d: (np.r_[d[0], d[2][:60]], np.r_[d[1], d[3][:60]], d[2], d[3])),
    "torn": ("torn_labels", lambda d: (d[0], np.roll(d[1], 1), d[2], d[3])),
    "torn, one-hot": ("torn_labels", lambda d: (d[0][::-1], one_hot(d)[1], d[2], one_hot(d)[3])),
}  # fmt: skip


@pytest.mark.parametrize(("cause", "change"), DATA.values(), ids=DATA)
def test_data(keras: ModuleType, images: Four, cause: str, change: Callable[[Four], Four]) -> None:
    data = change(images)
    loss = sparse(keras) if data[1].ndim == 1 else "categorical_crossentropy"
    assert diagnosed(keras, model_of(keras), loss, data, keras.optimizers.Adam(0.001)).causes[:1] == [cause]


@pytest.mark.parametrize(
    ("cause", "optimizer", "rate"),
    [
        ("rate_too_low", "Adam", 1e-6),
        ("rate_too_low", "SGD", 1e-4),
        ("rate_too_high", "SGD", 10.0),
        ("rate_too_high", "SGD", 1e30),
    ],
)
def test_rates(keras: ModuleType, images: Four, cause: str, optimizer: str, rate: float) -> None:
    rule = getattr(keras.optimizers, optimizer)(rate)
    assert diagnosed(keras, model_of(keras), sparse(keras), images, rule, epochs=4).causes[:1] == [cause]


def test_one_output(keras: ModuleType, images: Four) -> None:
    binary = keras.losses.BinaryCrossentropy
    data = is_large(images)
    assert diagnosed(keras, model_of(keras, 1, "sigmoid"), binary(), data).causes == []
    columns = (data[0], data[1][:, None], data[2], data[3][:, None])
    assert diagnosed(keras, model_of(keras, 1, None), binary(from_logits=True), columns).causes == []


def test_several_yes(keras: ModuleType, images: Four) -> None:
    def questions(y: np.ndarray) -> np.ndarray:
        return np.stack([y > 4, y % 2, y % 3 == 0], axis=1).astype(np.float32)

    data = images[0], questions(images[1]), images[2], questions(images[3])
    assert diagnosed(keras, model_of(keras, 3, "sigmoid"), "binary_crossentropy", data).causes == []


def test_images_as_images(keras: ModuleType, images: Four) -> None:
    model = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
    data = images[0].reshape(-1, 28, 28), images[1], images[2].reshape(-1, 28, 28), images[3]
    history = fitted(keras, model, sparse(keras), data)
    assert diagnose(history, model, data).causes == []
    assert diagnose(history, model, (*data[:2], data[0][:50], data[1][:50])).causes == ["leaked_data"]


def test_bad_arguments(keras: ModuleType, images: Four) -> None:
    model = model_of(keras)
    for history in (None, {}, {"val_loss": [1.0]}, [1.0]):
        with pytest.raises(TypeError, match=r"^history: "):
            diagnose(history, model, images)
    with pytest.raises(ValueError, match=r"^watch: .* Keras"):
        diagnose({"loss": [1.0]}, model, images, Recorder(MLP([784, 10])))
    with pytest.raises(ValueError, match=r"^x_val: "):
        diagnose({"loss": [1.0]}, model, (images[0], images[1], images[2], images[3][:-1]))
    with pytest.raises(ValueError, match=r"^y: .*labels"):
        diagnose({"loss": [1.0]}, model, (images[0], images[1] - 5))
