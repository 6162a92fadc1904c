"""Model compression: networks of fewer, or smaller, numbers; and files in which every byte is counted.

A :class:`CompressedMLP` is an ``MLP`` whose tensors are made from other numbers than their entries. Each has a form;
the methods below return networks of such forms, or smaller ones, and take any ``MLP``, compressed or not: they compose.

========================  =====================================================================================
``forms``                 how a tensor is made from the numbers that are free
``frozen``                tensors that training leaves alone
``k_means``               clusters of numbers on a line
``lora``                  a frozen matrix, and a trained update to it of low rank
``low_rank``              a layer as two thinner ones, by truncated singular value decomposition
``lottery``               the mask of a trained network with the weights of its beginning, and controls
``magnitude``             pruning by magnitude
``masked``                tensors with zeros that stay zero
``integer``               inference with int8 weights and activations, in integers alone
``network``               ``CompressedMLP``: ``fit`` trains its free numbers
``sharing``               weights that share a few values
``distillation``          a small network learns from the outputs of a large one
========================  =====================================================================================
"""

from nnopt_utils.compression.distillation import distill, distillation_loss, teacher_logits
from nnopt_utils.compression.forms import Dense, Form, Stored
from nnopt_utils.compression.frozen import Frozen
from nnopt_utils.compression.integer import (
    ActivationScale,
    IntegerLayer,
    IntegerMLP,
    fixed_point,
    multiply_fixed_point,
)
from nnopt_utils.compression.k_means import Clusters, k_means
from nnopt_utils.compression.lora import LowRankUpdate, add_low_rank_updates
from nnopt_utils.compression.lottery import rewind, shuffle_masks
from nnopt_utils.compression.low_rank import Factors, low_rank, rank_for_energy, truncated_svd
from nnopt_utils.compression.magnitude import prune, sparsity_of
from nnopt_utils.compression.masked import Masked
from nnopt_utils.compression.network import CompressedMLP
from nnopt_utils.compression.sharing import Shared, share_weights

__all__ = [
    "ActivationScale",
    "Clusters",
    "CompressedMLP",
    "Dense",
    "Factors",
    "Form",
    "Frozen",
    "IntegerLayer",
    "IntegerMLP",
    "LowRankUpdate",
    "Masked",
    "Shared",
    "Stored",
    "add_low_rank_updates",
    "distill",
    "distillation_loss",
    "fixed_point",
    "k_means",
    "low_rank",
    "multiply_fixed_point",
    "prune",
    "rank_for_energy",
    "rewind",
    "share_weights",
    "shuffle_masks",
    "sparsity_of",
    "teacher_logits",
    "truncated_svd",
]
