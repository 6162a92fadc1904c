"""Explorers: sliders over pure figure functions, which are in ``chapter_NN.py``, one module a chapter."""

from nnopt_utils.explorers.engine import Explorer, explore, log_slider

__all__ = ["Explorer", "explore", "log_slider"]
