"""How well detectors still read a message after something happened to the picture.

::

    plan = make_plan(models, embedder, pictures, Settings(find_attacks("quick")))
    report = summarize(plan, evaluate_pictures(plan), origin)
    write_page(report, Path("report.html"))
"""

from edgeseal.evaluate._agreement import image_nmse, sign_agreement
from edgeseal.evaluate._attacks import ATTACKS, StoredAttack
from edgeseal.evaluate._baseline import Regression, check_baseline, compare_with_baseline
from edgeseal.evaluate._bits import Detector, MarkedPicture, model_input, share_of_bits
from edgeseal.evaluate._engines import ENGINES, OpenDetector, open_detector
from edgeseal.evaluate._examples import Examples, make_examples
from edgeseal.evaluate._extra import require_evaluation
from edgeseal.evaluate._layers import layer_pairs, measure_layers
from edgeseal.evaluate._page import write_page
from edgeseal.evaluate._plan import ModelFacts, Plan, Settings, make_plan, versions
from edgeseal.evaluate._reading import ReadingTask, reading_task
from edgeseal.evaluate._record import PictureRecord
from edgeseal.evaluate._report import (
    AttackResult,
    Difference,
    Layers,
    ModelResult,
    Origin,
    Report,
    Speed,
    read_report,
    write_report,
)
from edgeseal.evaluate._run import Evaluation, cores, evaluate_pictures
from edgeseal.evaluate._state import State
from edgeseal.evaluate._statistics import Estimate
from edgeseal.evaluate._summary import ALL, summarize
from edgeseal.evaluate._watermark import (
    MAX_WATERMARK_ERROR_DB,
    ArrayEmbedder,
    WatermarkDifference,
    compare_embedders,
)
from edgeseal.evaluate.attacks import ATTACK_SETS, Attack, Step, find_attacks

__all__ = [
    "ALL",
    "ATTACKS",
    "ATTACK_SETS",
    "ENGINES",
    "MAX_WATERMARK_ERROR_DB",
    "ArrayEmbedder",
    "Attack",
    "AttackResult",
    "Detector",
    "Difference",
    "Estimate",
    "Evaluation",
    "Examples",
    "Layers",
    "MarkedPicture",
    "ModelFacts",
    "ModelResult",
    "OpenDetector",
    "Origin",
    "PictureRecord",
    "Plan",
    "ReadingTask",
    "Regression",
    "Report",
    "Settings",
    "Speed",
    "State",
    "Step",
    "StoredAttack",
    "WatermarkDifference",
    "check_baseline",
    "compare_embedders",
    "compare_with_baseline",
    "cores",
    "evaluate_pictures",
    "find_attacks",
    "image_nmse",
    "layer_pairs",
    "make_examples",
    "make_plan",
    "measure_layers",
    "model_input",
    "open_detector",
    "read_report",
    "reading_task",
    "require_evaluation",
    "share_of_bits",
    "sign_agreement",
    "summarize",
    "versions",
    "write_page",
    "write_report",
]
