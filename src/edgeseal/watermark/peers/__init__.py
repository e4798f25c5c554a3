"""The engines that a user would otherwise take, each as its own documentation recommends."""

from edgeseal.watermark.peers._peer_calibration import calibration_inputs
from edgeseal.watermark.peers._peer_weights import PeerWeights, weights_of
from edgeseal.watermark.peers._peers import PEERS, Peer, find_peers, prepare_peers

__all__ = [
    "PEERS",
    "Peer",
    "PeerWeights",
    "calibration_inputs",
    "find_peers",
    "prepare_peers",
    "weights_of",
]
