"""The course's figures: one function a figure.

Each function draws on the ``Axes`` it is given as ``ax``, or on a new figure in the course's style, and returns the
``Axes`` (or the ``Figure`` where it makes several panels). None of them shows a figure or changes global settings.
"""

from nnopt_utils.plotting.bars import plot_bars
from nnopt_utils.plotting.dashboard import plot_dashboard
from nnopt_utils.plotting.digits import plot_digits
from nnopt_utils.plotting.experiments import plot_bands, plot_rates, plot_robustness
from nnopt_utils.plotting.functions import plot_activation, plot_activations, plot_function_fit
from nnopt_utils.plotting.layers import plot_layer_histograms, plot_layer_scales
from nnopt_utils.plotting.network import plot_network
from nnopt_utils.plotting.runs import plot_convergence, plot_history
from nnopt_utils.plotting.schedules import plot_schedule_panels, plot_schedules
from nnopt_utils.plotting.style import COLOURS, new_figure, style
from nnopt_utils.plotting.surfaces import plot_contours, plot_loss_slice, plot_trajectories

__all__ = [
    "COLOURS",
    "new_figure",
    "plot_activation",
    "plot_activations",
    "plot_bands",
    "plot_bars",
    "plot_contours",
    "plot_convergence",
    "plot_dashboard",
    "plot_digits",
    "plot_function_fit",
    "plot_history",
    "plot_layer_histograms",
    "plot_layer_scales",
    "plot_loss_slice",
    "plot_network",
    "plot_rates",
    "plot_robustness",
    "plot_schedule_panels",
    "plot_schedules",
    "plot_trajectories",
    "style",
]
