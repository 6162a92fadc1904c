"""What readers of chapter 12 change: rates, epochs, seeds, batch sizes, what a table shows."""

EDITS = [
    ("fit(trained, Adam(0.003), digits, epochs=3", "fit(trained, Adam(0.03), digits, epochs=1"),
    ("minimize(hill, GradientDescent(0.5), 60)", "minimize(hill, GradientDescent(4.0), 20)"),
    ("x[k::80], y[k::80])[1] for k in range(80)", "x[k::8], y[k::8])[1] for k in range(8)"),
    ("np.array([400.0, 0.0025])", "np.array([-1.0, 0.0])"),
    ("fit(line, SGD(0.001)", "fit(line, SGD(0.00001)"),
    (
        "runs.first_epoch(mnist, seed) for seed in range(10)",
        "runs.first_epoch(mnist, seed, 500) for seed in range(3)",
    ),
    ("np.geomspace(0.01, 30, 60)", "np.geomspace(0.5, 2, 5)"),
    ("runs.nudged(mnist, epochs=3)", "runs.nudged(mnist, epochs=1, rate=0.03)"),
    ('runs.seeds_for(fresh["digits"], (0.5, 0.2, 0.1, 0.05))', 'runs.seeds_for(fresh["digits"], (3.0, 0.3))'),
    ("runs.resumed(mnist)", "runs.resumed(mnist, rate=0.001, before=20, after=10)"),
    ("runs.few_digits(mnist, seed) for seed", "runs.few_digits(mnist, seed, epochs=3, n=5000) for seed"),
    ("clipping, place = SGD(1.0", "clipping, place = SGD(0.1"),
    ("1 - 6e-4)), fine", "1 - 6e-3)), fine"),
]
