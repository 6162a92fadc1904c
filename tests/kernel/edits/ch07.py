"""What readers of chapter 07 change: the text in a code cell, and what they put there instead."""

EDITS = [
    ("keras.optimizers.Adam(0.001)", "keras.optimizers.SGD(0.1)"),
    ("epochs=2, **options", "epochs=1, **options"),
    ("options = dict(batch_size=32,", "options = dict(batch_size=128,"),
    ("hidden = [keras.layers.Dense(64,", "hidden = [keras.layers.Dense(32,"),
    ('for activation in ("relu", "tanh")}', 'for activation in ("relu", "tanh", "elu")}'),
    ("nesterov, all_digits, epochs=12,", "nesterov, all_digits, epochs=2,"),
    ("seed = 5", "seed = 8"),
    ('SGD": {"momentum": 0.9, "nesterov": True}', 'SGD": {"momentum": 0.5}'),
    (
        "keras_losses = losses_of(make_step(keras_twin(MLP([784, 64, 64, 10], seed=seed)",
        'keras_losses = losses_of(make_step(keras_twin(MLP([784, 64, 64, 10], activation="tanh", seed=seed)',
    ),
    ("def side_by_side(activation, steps=800)", "def side_by_side(activation, steps=100)"),
    ("for from_logits in (True, False):", "for from_logits in (False, True):"),
    ("raw = (255 * data.x_train", "raw = (2 * data.x_train"),
    ("widths, batch_sizes = (16, 64, 256, 1024), (32, 512)", "widths, batch_sizes = (16, 64), (16, 32, 128)"),
]
