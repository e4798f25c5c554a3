"""How well a detector still reads a message after something happened to the picture."""

from edgeseal.evaluate._agreement import image_nmse, sign_agreement
from edgeseal.evaluate._attacks import ATTACKS, Attack
from edgeseal.evaluate._bits import Detector, MarkedPicture, model_input, share_of_bits

__all__ = [
    "ATTACKS",
    "Attack",
    "Detector",
    "MarkedPicture",
    "image_nmse",
    "model_input",
    "share_of_bits",
    "sign_agreement",
]
