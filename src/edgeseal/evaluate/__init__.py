"""How well a detector still reads a message after something happened to the picture."""

from edgeseal.evaluate._agreement import image_nmse, sign_agreement
from edgeseal.evaluate._attacks import ATTACKS, Attack
from edgeseal.evaluate._bits import Detector, MarkedPicture, model_input, share_of_bits
from edgeseal.evaluate._engines import OpenDetector, open_detector
from edgeseal.evaluate._plan import ModelFacts, Plan, Settings, make_plan
from edgeseal.evaluate._record import PictureRecord
from edgeseal.evaluate._run import Evaluation, evaluate_pictures
from edgeseal.evaluate._state import State

__all__ = [
    "ATTACKS",
    "Attack",
    "Detector",
    "Evaluation",
    "MarkedPicture",
    "ModelFacts",
    "OpenDetector",
    "PictureRecord",
    "Plan",
    "Settings",
    "State",
    "evaluate_pictures",
    "image_nmse",
    "make_plan",
    "model_input",
    "open_detector",
    "share_of_bits",
    "sign_agreement",
]
