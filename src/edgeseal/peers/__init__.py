"""The engines that a user would otherwise take, each as its own documentation recommends."""

from edgeseal.peers._calibration import calibration_inputs
from edgeseal.peers._peers import PEERS, Peer, find_peers, prepare_peers
from edgeseal.peers._weights import Weights, weights_of

__all__ = [
    "PEERS",
    "Peer",
    "Weights",
    "calibration_inputs",
    "find_peers",
    "prepare_peers",
    "weights_of",
]
