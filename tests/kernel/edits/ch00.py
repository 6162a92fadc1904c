"""What readers would change in chapter 00."""

EDITS = [
    ("side = 3", "side = 2"),
    (
        "history = fit(network, SGD(learning_rate=0.02, momentum=0.9), data, epochs=3, seed=1)",
        "history = fit(network, SGD(learning_rate=0.001, momentum=0.9), data, epochs=1, seed=1)",
    ),
    (
        "history = fit(network, SGD(learning_rate=0.02, momentum=0.9), data, epochs=3, seed=1)",
        "history = fit(network, SGD(learning_rate=0.2, momentum=0.9), data, epochs=1, seed=2)",
    ),
    ("network = MLP(sizes, seed=1)", 'network = MLP([784, 16, 10], activation="sigmoid", seed=5)'),
    ("sizes = [784, 64, 64, 10]\nn_parameters", "sizes = [784, 10]\nn_parameters"),
    ("raw = (255 * data.x_train, data.y_train, 255 * data.x_val", "raw = (data.x_train, data.y_train, data.x_val"),
    ("budget = 55_000 *", "budget = 5_000 *"),
    ("seeds = range(1, 11)", "seeds = range(5, 7)"),
    ("rates = (0.0002, 0.002, 0.02, 0.2, 2.0)", "rates = (0.05, 0.01)"),
    ("schedule = CosineDecay(0.05, steps=1719)", "schedule = CosineDecay(0.005, steps=500)"),
    ("few = data.x_train[:500], data.y_train[:500]", "few = data.x_train[:5000], data.y_train[:5000]"),
    ("fit(by_heart, SGD(learning_rate=0.02, momentum=0.9), few, epochs=40", "fit(by_heart, SGD(0.02), few, epochs=2"),
]
