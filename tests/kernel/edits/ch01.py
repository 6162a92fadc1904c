"""What readers of chapter 01 try: text in a code cell, and what they put there instead."""

EDITS = [
    ("W1 = np.array([[0.5, -1.0, 1.0]", "W1 = np.array([[2.0, -1.0, 1.0]"),
    ("x = np.array([[1.0, 2.0],", "x = np.array([[3.0, 2.0],"),
    ("mnist, epochs=2, batch_size=64)", "mnist, epochs=1, batch_size=640)"),
    ('for name in ("linear", "tanh"):', 'for name in ("linear", "relu", "sigmoid"):'),
    ('cutter = MLP(sizes, activation="relu"', 'cutter = MLP(sizes, activation="tanh"'),
    ("rates = [0.03, 0.1, 0.3, 1.0]", "rates = [0.001, 0.01, 30.0]"),
    ("patient.biases[0][0] = -10.0", "patient.biases[0][0] = -1.0"),
    ("for m in (4, 8, 16, 32)}", "for m in (4, 12)}"),
    ("fit(from_zero, SGD(0.1),", "fit(from_zero, SGD(0.1, momentum=0.9),"),
    ('scales = {"std 0.01": fixed(0.01)', 'scales = {"std 0.01": fixed(0.05)'),
    (
        'ten_layers = MLP([784] + [64] * 10 + [10], activation="relu"',
        'ten_layers = MLP([784] + [64] * 10 + [10], "tanh"',
    ),
    ('random_layers("relu", np.sqrt(2), 20', 'random_layers("relu", 1.0, 20'),
]
