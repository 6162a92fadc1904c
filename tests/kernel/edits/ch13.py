"""What readers of chapter 13 change: seeds, rates, faults, limits, what they repair with, the number of the clinic."""

EDITS = [
    ("procedure.first_loss(fault.broken, seed=0) for name", "procedure.first_loss(fault.broken, seed=7) for name"),
    ("procedure.one_batch(fault.broken, seed=0))", "procedure.one_batch(fault.broken, seed=3, steps=20))"),
    ("fit(network, Adam(0.001), tuple(data), epochs=5", "fit(network, Adam(0.1), tuple(data), epochs=1"),
    ("tried = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1]", "tried = [1e-3, 30.0, 1e6]"),
    ("rate_sweep(tried, seeds=(0, 1, 2))", "rate_sweep(tried, seeds=(5,), epochs=1)"),
    ("torn.broken.changed(learning_rate=1e-4)", "torn.broken.changed(learning_rate=1.0)"),
    ("figures.one_epoch(rate=0.3, batch_size=32)", "figures.one_epoch(rate=1e-6, batch_size=8)"),
    ("type(once.optimizer)(rate, weight_decay=1.0)", "AdamW(rate, weight_decay=1.0)"),
    ('FAULTS["wrong_gradient"].broken.network(0)', 'FAULTS["dead_relus"].broken.network(4)'),
    ("patient = Clinic(seed=2026)[2]", "patient = Clinic(seed=2026)[9]"),
    ("clinic = Clinic(seed=4)", "clinic = Clinic(seed=7)"),
    ("patient.repair(learning_rate=0.01)", "patient.repair(optimizer=lambda rate, steps: SGD(0.1), epochs=2)"),
    ('yours.name("")', 'yours.name("healthy")'),
    ("figures.coarse_numbers(rate=1e-4)", "figures.coarse_numbers(rate=1e-2)"),
    ('"no limit": None, "99th percentile": 99, "90th percentile": 90, "median": 50', '"10th percentile": 10'),
    ("procedure.three_sources(4)", "procedure.three_sources(2)"),
    ('fit_with_fault("leaked_data", seed=0)', 'fit_with_fault("softmax_twice", seed=3)'),
    ("learning_rate=0.05 / 32), seed=0)", "learning_rate=5.0), seed=1)"),
]
