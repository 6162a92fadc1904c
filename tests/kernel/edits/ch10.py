"""What readers of chapter 10 change: shares, sizes, workers, rates, delays, starts, numbers of steps."""

EDITS = [
    ("sizes, mean_losses = np.array([100, 4])", "sizes, mean_losses = np.array([60, 60])"),
    ("workers=2, shares=(3, 1))", "workers=3, shares=(1, 1, 2))"),
    ("for workers in (2, 4, 8, 16)}", "for workers in (2, 3, 5)}"),
    ('"Amdahl, p = 0.95": np.array([amdahl(0.95', '"Amdahl, p = 0.95": np.array([amdahl(0.5'),
    ("delayed_descent(bowl, SGD(1.0), delay=2, steps=40)", "delayed_descent(bowl, SGD(0.3), delay=2, steps=40)"),
    ("delays = (0, 1, 2, 4, 8, 16)", "delays = (0, 3, 5)"),
    ("figures.delay_and_rate(tau=4, rate=0.36)", "figures.delay_and_rate(tau=0, rate=2.1)"),
    ("minima, curvatures, eta = (-1.0, 1.0), (4.0, 1.0), 0.1", "minima, curvatures, eta = (0.0, 3.0), (1.0, 1.0), 0.5"),
    (
        "SGD(0.1), data, epochs=1, batch_size=32, workers=workers)",
        "Adam(), data, epochs=1, batch_size=64, workers=workers)",
    ),
    ("SignCompressor(error_feedback=True), steps=20_000)", "TopK(k=1, error_feedback=True), steps=5_000)"),
]
