"""The same epoch in several frameworks: each module has a class ``Training`` with ``restart()`` and ``epoch()``.

All train 784-64-64-10 with ReLU, cross-entropy and Adam at its defaults, on shuffled mini-batches of float32.
"""
