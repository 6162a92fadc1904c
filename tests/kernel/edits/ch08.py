"""What a reader of chapter 08 would change."""

EDITS = [
    ("for eta in (0.002, 0.02, 0.2):", "for eta in (0.01, 0.5):"),
    ("for factor in (1.0, 1000.0):", "for factor in (1.0, 10.0):"),
    ("coordinates=500):", "coordinates=50):"),
    ("for eta in (0.001, 0.03):", "for eta in (0.001, 0.3):"),
    ("for rate in (0.001, 0.03):", "for rate in (0.003, 0.01):"),
    ("np.random.default_rng(8), []", "np.random.default_rng(3), []"),
    ('MARGIN = {"digits, points": 0.2,', 'MARGIN = {"digits, points": 0.05,'),
    ("noisy[299] += 5.0", "noisy[299] += 0.5"),
    ("start = np.array([3.0, -4.0])", "start = np.array([1.0, -20.0])"),
    ('figure = newton_schulz_map(steps=5, smallest=0.01, coefficients="Muon")', "figure = newton_schulz_map(3, 0.001)"),
    ("Averaged(0.5), 1.0)", "Averaged(0.2), 1.0)"),
    ("for rate in (3e-5, 3e-3, 1e-1, 3e-1)", "for rate in (1e-4, 3e-3, 1e-2, 3e-2)"),
]
