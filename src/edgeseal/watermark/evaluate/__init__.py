"""How well detectors still read a message after something happened to the picture.

::

    plan = make_plan(models, embedder, pictures, EvaluationSettings(find_attacks("quick")))
    report = summarize(plan, evaluate_pictures(plan), origin)
    write_page(report, Path("report.html"))
"""

from edgeseal.watermark.evaluate._bits import Detector, MarkedPicture, model_input, share_of_bits
from edgeseal.watermark.evaluate._embedder_gate import watermark_error_db, watermark_problem
from edgeseal.watermark.evaluate._engines import ENGINES, OpenDetector, open_detector
from edgeseal.watermark.evaluate._evaluation_plan import (
    EvaluationPlan,
    EvaluationSettings,
    ModelFacts,
    make_plan,
    versions,
)
from edgeseal.watermark.evaluate._intervals import ShareEstimate
from edgeseal.watermark.evaluate._layer_errors import layer_pairs, measure_layers
from edgeseal.watermark.evaluate._packages import require_evaluation
from edgeseal.watermark.evaluate._picture_record import PictureRecord
from edgeseal.watermark.evaluate._reading_task import ReadingTask, reading_task
from edgeseal.watermark.evaluate._run_evaluation import Evaluation, evaluate_pictures
from edgeseal.watermark.evaluate._six_attacks import ATTACKS, StoredAttack
from edgeseal.watermark.evaluate._state import State
from edgeseal.watermark.evaluate._watermark import (
    MAX_WATERMARK_ERROR_DB,
    ArrayEmbedder,
    WatermarkDifference,
    compare_embedders,
)
from edgeseal.watermark.evaluate.attacks import ATTACK_SETS, Attack, AttackStep, find_attacks
from edgeseal.watermark.evaluate.report._baseline import (
    Regression,
    check_baseline,
    compare_with_baseline,
)
from edgeseal.watermark.evaluate.report._examples import Examples, make_examples
from edgeseal.watermark.evaluate.report._figures import ALL, summarize
from edgeseal.watermark.evaluate.report._report import (
    AttackResult,
    Difference,
    EvaluationOrigin,
    EvaluationReport,
    LayerErrors,
    ModelResult,
    Speed,
    read_report,
    write_report,
)
from edgeseal.watermark.evaluate.report._report_page import write_page

__all__ = [
    "ALL",
    "ATTACKS",
    "ATTACK_SETS",
    "ENGINES",
    "MAX_WATERMARK_ERROR_DB",
    "ArrayEmbedder",
    "Attack",
    "AttackResult",
    "AttackStep",
    "Detector",
    "Difference",
    "Evaluation",
    "EvaluationOrigin",
    "EvaluationPlan",
    "EvaluationReport",
    "EvaluationSettings",
    "Examples",
    "LayerErrors",
    "MarkedPicture",
    "ModelFacts",
    "ModelResult",
    "OpenDetector",
    "PictureRecord",
    "ReadingTask",
    "Regression",
    "ShareEstimate",
    "Speed",
    "State",
    "StoredAttack",
    "WatermarkDifference",
    "check_baseline",
    "compare_embedders",
    "compare_with_baseline",
    "evaluate_pictures",
    "find_attacks",
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
    "summarize",
    "versions",
    "watermark_error_db",
    "watermark_problem",
    "write_page",
    "write_report",
]
