"""Other numbers for chapter 05."""

EDITS = [
    ("rates = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)", "rates = (0.001, 10.0)"),
    ("floor_rates = (0.1, 0.5, 1.0)", "floor_rates = (0.2, 1.5, 1.9)"),
    ('shown = {"learning_rate": 0.3, "batch_size": 4}', 'shown = {"learning_rate": 2.5, "batch_size": 1}'),
    ('"constant 0.1": 0.1', '"constant 0.1": 0.5'),
    (
        "carried_floor = float(np.mean(mean_squares(SGD(0.1, momentum=0.9)",
        "carried_floor = float(np.mean(mean_squares(SGD(0.1, momentum=0.5)",
    ),
    ("train(network, SGD(0.03), x_many, labels", "train(network, SGD(0.3), x_many, labels"),
    ("for B in (1, 4, 16, 64, 256, 1024)}", "for B in (2, 8, 1000)}"),
    ("kappa_of_three = 20.0", "kappa_of_three = 2.0"),
    ("contest_rates = [0.05, 0.1, 0.2, 0.4, 0.8]", "contest_rates = [0.05, 0.1]"),
    (
        "batch_sizes, rate_grid = np.array([4, 16, 64, 256, 1024]), [0.025, 0.05, 0.1, 0.2, 0.4, 0.8]",
        "batch_sizes, rate_grid = np.array([64, 256, 1024]), [0.1, 0.2]",
    ),
    (
        '"by norm, 0.1": GradientDescent(0.1, global_clipnorm=0.1)',
        '"by norm, 0.1": GradientDescent(0.1, global_clipnorm=2.0)',
    ),
]
