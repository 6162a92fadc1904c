"""Model compression: networks of fewer, or smaller, numbers; and files in which every byte is counted.

A :class:`CompressedMLP` is an ``MLP`` whose tensors are made from other numbers than their entries. Each has a form;
the methods below return networks of such forms, or smaller ones, and take any ``MLP``, compressed or not: they compose.

========================  =====================================================================================
``distillation``          a small network learns from the outputs of a large one
``file_format``           a network in a file, every byte of it
``forms``                 how a tensor is made from the numbers that are free
``frozen``                tensors that training leaves alone
``gptq``                  rounding in which later weights make up for the errors of those before
``gradual``               pruning a little at a time, with training in between
``grids``                 equally spaced values, and the codes that stand for them
``huffman``               short words for frequent symbols
``integer``               inference with int8 weights and activations, in integers alone
``k_means``               clusters of numbers on a line
``lora``                  a frozen matrix, and a trained update to it of low rank
``lottery``               the mask of a trained network with the weights of its beginning, and controls
``low_rank``              a layer as two thinner ones, by truncated singular value decomposition
``magnitude``             pruning by magnitude
``masked``                tensors with zeros that stay zero
``n_of_m``                at most n of every m weights
``network``               ``CompressedMLP``: ``fit`` trains its free numbers
``packing``               numbers and codes as bytes, and a careful reader
``positions``             where the stored entries lie, in few bytes
``quantized``             weights on a grid: rounded once, or trained with the rounding
``report``                what a network costs: numbers, bytes of every part, multiply-adds, error, milliseconds
``sharing``               weights that share a few values
``sparse_formats``        what a matrix with zeros takes in the usual formats
``sparse_indices``        the gaps between the entries that are kept
``structured``            whole neurons go
``surgeon``               what it costs to delete a weight, by the loss's curvature
========================  =====================================================================================
"""

from nnopt_utils.compression.distillation import distill, distillation_loss, teacher_logits
from nnopt_utils.compression.file_format import file_parts, from_bytes, load_compressed, save_compressed, to_bytes
from nnopt_utils.compression.forms import Dense, Form, Stored
from nnopt_utils.compression.frozen import Frozen
from nnopt_utils.compression.gptq import gptq, gptq_layer
from nnopt_utils.compression.gradual import gradual_sparsity, prune_gradually
from nnopt_utils.compression.grids import Grid, grid_for
from nnopt_utils.compression.huffman import (
    canonical_codes,
    check_lengths,
    code_lengths,
    entropy,
    huffman_decode,
    huffman_encode,
)
from nnopt_utils.compression.integer import ActivationScale, IntegerLayer, IntegerMLP, fixed_point, multiply_fixed_point
from nnopt_utils.compression.k_means import Clusters, k_means
from nnopt_utils.compression.lora import LowRankUpdate, add_low_rank_updates
from nnopt_utils.compression.lottery import rewind, shuffle_masks
from nnopt_utils.compression.low_rank import Factors, low_rank, rank_for_energy, truncated_svd
from nnopt_utils.compression.magnitude import prune, sparsity_of
from nnopt_utils.compression.masked import Masked
from nnopt_utils.compression.n_of_m import n_of_m_bytes, prune_n_of_m
from nnopt_utils.compression.network import CompressedMLP
from nnopt_utils.compression.packing import FormatError
from nnopt_utils.compression.quantized import Quantized, quantize
from nnopt_utils.compression.report import Report, TensorReport, report
from nnopt_utils.compression.sharing import Shared, share_weights
from nnopt_utils.compression.sparse_formats import sparse_bytes
from nnopt_utils.compression.sparse_indices import gaps_from, kept_from
from nnopt_utils.compression.structured import remove_neurons
from nnopt_utils.compression.surgeon import Surgery, obd_saliency, obs_delete, obs_saliency, optimal_brain_surgeon

__all__ = [
    "ActivationScale",
    "Clusters",
    "CompressedMLP",
    "Dense",
    "Factors",
    "Form",
    "FormatError",
    "Frozen",
    "Grid",
    "IntegerLayer",
    "IntegerMLP",
    "LowRankUpdate",
    "Masked",
    "Quantized",
    "Report",
    "Shared",
    "Stored",
    "Surgery",
    "TensorReport",
    "add_low_rank_updates",
    "canonical_codes",
    "check_lengths",
    "code_lengths",
    "distill",
    "distillation_loss",
    "entropy",
    "file_parts",
    "fixed_point",
    "from_bytes",
    "gaps_from",
    "gptq",
    "gptq_layer",
    "gradual_sparsity",
    "grid_for",
    "huffman_decode",
    "huffman_encode",
    "k_means",
    "kept_from",
    "load_compressed",
    "low_rank",
    "multiply_fixed_point",
    "n_of_m_bytes",
    "obd_saliency",
    "obs_delete",
    "obs_saliency",
    "optimal_brain_surgeon",
    "prune",
    "prune_gradually",
    "prune_n_of_m",
    "quantize",
    "rank_for_energy",
    "remove_neurons",
    "report",
    "rewind",
    "save_compressed",
    "share_weights",
    "shuffle_masks",
    "sparse_bytes",
    "sparsity_of",
    "teacher_logits",
    "to_bytes",
    "truncated_svd",
]
