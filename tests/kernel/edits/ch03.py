"""What readers would change in chapter 03."""

EDITS = [
    ("sizes = [784, 64, 64, 10]\n", "sizes = [784, 32, 10]\n"),
    ('network = MLP([784, 64, 64, 10], activation="tanh"', 'network = MLP([784, 64, 64, 10], activation="relu"'),
    ("u, v = Node(1.0), Node(2.0)", "u, v = Node(-1.5), Node(0.5)"),
    ("for _ in range(60):\n    end", "for _ in range(500):\n    end"),
    ("end = end + end", "end = end * end"),
    ('small = MLP([4, 3, 2], activation="tanh"', 'small = MLP([4, 3, 2], activation="sigmoid"'),
    (
        "found_error = check_network(network, x, y, n_indices=300)",
        "found_error = check_network(network, x, y, h=1e-2, n_indices=20)",
    ),
    (
        "def learn_symmetry(seed, sweeps=3000, learning_rate=0.1",
        "def learn_symmetry(seed, sweeps=50, learning_rate=2.0",
    ),
    ("relu_net = MLP([784, 64, 64, 10]", "relu_net = MLP([784, 10, 10]"),
    ("depths = [1, 2, 3, 5, 10, 20, 40]", "depths = [2, 4]"),
    ('"tanh, Glorot": ("tanh", "glorot_uniform", 1.0)', '"tanh, Glorot": ("sigmoid", scaled(3), 1.0)'),
    (
        "net = MLP([784] + [64] * 20 + [10], activation, initializer",
        "net = MLP([784] + [64] * 5 + [10], activation, initializer",
    ),
    ("return 6 * glorot_uniform", "return 1 * glorot_uniform"),
    ("fit(net, SGD(0.03, momentum=0.9), subset, epochs=8", "fit(net, SGD(0.3, momentum=0.5), subset, epochs=1"),
    ("scale=4.0)", "scale=12.0)"),
    ("h, at = 0.3, 0.1", "h, at = 0.05, 0.1"),
    ("fit(net, SGD(0.05), data, epochs=6", "fit(net, SGD(0.001), data, epochs=1"),
]
