"""What readers of chapter 11 change: sparsities, bits, clusters, ranks, seeds, temperatures."""

EDITS = [
    ("MLP([784, 64, 64, 10], l2=1e-4, seed=0), epochs=8)", "MLP([784, 64, 64, 10], seed=3), epochs=3)"),
    ("cut = prune(dense, sparsity=0.9)", 'cut = prune(dense, sparsity=0.6, scope="layer")'),
    ("for sparsity in (0.5, 0.7, 0.8, 0.9):", "for sparsity in (0.6, 0.95):"),
    ('quantize(dense, bits=bits, per="tensor")', 'quantize(dense, bits=bits, symmetric=False, span="mse")'),
    ('rough = quantize(dense, bits=2, per="channel")', 'rough = quantize(dense, bits=1, per="tensor")'),
    ("share_weights(pruned, clusters=k)", 'share_weights(pruned, clusters=k, start="density")'),
    ("temperature=4.0, weight=0.9, epochs=20", "temperature=1.0, weight=0.5, epochs=2"),
    ("H = np.array([[1.0, 0.9], [0.9, 2.0]])", "H = np.array([[1.0, 0.0], [0.0, 2.0]])"),
    ("thin = low_rank(dense, rank=12, layers=[0])", "thin = low_rank(dense, energy=0.9)"),
    ("halved = train(made_up.copy(), epochs=4)", "halved = train(remove_neurons(dense, keep=[8, 0.9]), epochs=1)"),
    ("figures.where_bytes_go(sparsity=0.95, code_bits=4)", "figures.where_bytes_go(sparsity=0.0, code_bits=8)"),
]
