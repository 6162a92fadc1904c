"""What readers of chapter 04 change: the text in a code cell, and what they put there instead."""

EDITS = [
    ("parabola = Quadratic([10.0])", "parabola = Quadratic([20.0])"),
    ("for share in (0.3, 1.0, 1.9)", "for share in (0.3, 1.0, 2.2)"),
    ("kappa = 100", "kappa = 400"),
    ("kappa=30.0, rate_share=1.0, momentum=0.7", "kappa=100.0, rate_share=2.5, momentum=0.0"),
    ("K, many, mixed = 64,", "K, many, mixed = 10,"),
    ("worst = Quadratic([1.0, 10.0]", "worst = Quadratic([1.0, 20.0]"),
    ("= Chain(200), 4.0, 400, []", "= Chain(50), 4.0, 150, []"),
    ("offsets = Saddle(), [1e-2, 1e-4, 1e-6]", "offsets = Saddle(), [1e-1, 1e-3, 1e-5]"),
    ("np.geomspace(1e-4, 0.1, 46)", "np.geomspace(1e-3, 1.0, 7)"),
    ("grid = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7)", "grid = (0.1, 0.9)"),
    ("steps=3000) for eta", "steps=300) for eta"),
    ("edge_rate, calm_rate = 0.2, 0.1", "edge_rate, calm_rate = 2.0, 1.0"),
    ("catapult_shares = (1.0, 1.8, 2.5, 3.5, 4.1)", "catapult_shares = (0.5, 3.0, 6.0)"),
    ("end_on_parabola(1e-4)", "end_on_parabola(1e-2)"),
]
