"""What a reader may try in chapter 02; none of it may end in an error."""

EDITS = [
    ("25.0, 26.0, 95.0])", "25.0, 26.0])"),
    ("confident = np.array([[0, 110]]", "confident = np.array([[0, 10]]"),
    ("gap_110 = np.array([[0.0, 110.0]])", "gap_110 = np.array([[0.0, 5.0]])"),
    ("gaps = np.linspace(0, 130, 261)", "gaps = np.linspace(0, 60, 121)"),
    ("for smoothing in (0.0, 0.1):", "for smoothing in (0.0, 0.1, 0.3):"),
    ("random.normal(0, 3, size=(6, 4))", "random.normal(0, 300, size=(6, 4))"),
    ("target=0.0, rate=0.15, steps=300", "target=0.0, rate=15.0, steps=300"),
    ("wrong_by(logit=8.0)", "wrong_by(logit=-3.0)"),
    ("strengths = np.logspace(-7, 1, 33)", "strengths = np.logspace(-3, 3, 12)"),
    ("line_with_outlier(outlier=-4.0, delta=0.3)", "line_with_outlier(outlier=9.0, delta=4.0)"),
    ("for far in (5, 10, 20):", "for far in (1, 2):"),
    ("w = np.array([3.0, 4.0])", "w = np.array([1.0, 2.0, 3.0])"),
    ("for _ in range(20):\n        said", "for _ in range(2):\n        said"),
    (
        "fit(trained, SGD(0.05, momentum=0.9), (x_few, y_few), epochs=30",
        "fit(trained, SGD(0.01), (x_few, y_few), epochs=1",
    ),
    ("    tensor *= 0.44", "    tensor *= 2.0"),
    ("target=0.0, rate=0.15, steps=300", "target=0.0, rate=0.15, steps=20"),
    ("for name in slopes for start in (2, 4)}", "for name in slopes for start in (3,)}"),
    ("for start in (2, 4, 6)}", "for start in (1, 7)}"),
    ("    for _ in range(2000):", "    for _ in range(50):"),
    ("np.array([[1.0, 3.0, 0.5, -1.0]])", "np.array([[1.0, 3.0, 0.5, -1.0, 2.0, 0.0]])"),
    ("np.exp(1.5 * np.random", "np.exp(0.1 * np.random"),
    ("by_sum -= 0.4 *", "by_sum -= 0.4 / 7 *"),
]
