"""Fair comparisons: a search over hyperparameters with the same budget for every optimizer.

A comparison of optimizers at one shared learning rate and one seed measures the rate, not the optimizers. Here each
optimizer gets the same number of settings, each setting the same seeds and epochs, and the choice is made on validation
data alone::

    task = Task([784, 64, 64, 10], data=load_mnist(), epochs=3, batch_size=128, n_train=10_000)
    results = search(task, {
        "SGD": Space(SGD, learning_rate=[0.01, 0.03, 0.1], momentum=0.9),
        "Adam": Space(Adam, learning_rate=[0.0003, 0.001, 0.003]),
    }, table="results.jsonl")
    results.summary()

The runs go through ``joblib``: on all cores, or on a Dask cluster inside ``joblib.parallel_config(backend="dask")``.
"""

from nnopt_utils.experiments.results import Results
from nnopt_utils.experiments.searching import search
from nnopt_utils.experiments.spaces import Space, fixed, log_uniform, uniform
from nnopt_utils.experiments.store import TableError
from nnopt_utils.experiments.tasks import Metric, RunResult, Task

__all__ = [
    "Metric",
    "Results",
    "RunResult",
    "Space",
    "TableError",
    "Task",
    "fixed",
    "log_uniform",
    "search",
    "uniform",
]
