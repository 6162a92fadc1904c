"""The library of the course *Neural Network Optimization, from first principles to advanced*.

A model's parameters are one vector θ, its gradient one vector g of the same shape, and an optimizer
changes θ in place. Import what you need from the modules::

    from nnopt_utils.datasets import load_mnist
    from nnopt_utils.networks import MLP
    from nnopt_utils.optimizers import SGD
    from nnopt_utils.training import fit

``docs/architecture.md`` draws in which order they read. ``nnopt_utils.course`` holds the chapters and their engines.
"""

__version__ = "0.1.0"
