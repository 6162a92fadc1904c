"""What readers of chapter 06 change: rates, memories, samples, sizes."""

EDITS = [
    ("for eta in (1e-6, 1.9e-4, 2.1e-4, 0.1):", "for eta in (1e-5, 1e-3, 1.0, 10.0):"),
    ("minimize(units, SignDescent(0.01), 300).points", "minimize(units, SignDescent(0.1), 30).points"),
    ("random((4000, 200)) < 0.1, 10.0, 0.0)", "random((4000, 200)) < 0.6, 10.0, 0.0)"),
    ("by_adagrad = minimize(units, Adagrad(0.3), 300)", "by_adagrad = minimize(units, Adagrad(0.01), 50)"),
    ("memories = (0.0, 0.9, 0.95, 0.99, 0.999)", "memories = (0.5, 0.9)"),
    ("best_run(valley(45), make) for name", "best_run(valley(20, 100), make) for name"),
    ("with_l2 = decay(Adam(0.001, weight_decay=0.2,", "with_l2 = decay(Adam(0.01, weight_decay=0.02,"),
    ("for eta in (0.1, 0.01, 0.001):", "for eta in (0.1, 0.09):"),
    ("wild = lengths_on(Adam(1.0, epsilon=0)", "wild = lengths_on(Adam(1.0, beta_2=0.95, epsilon=0)"),
    ("C = 3.0", "C = 4.0"),
]
