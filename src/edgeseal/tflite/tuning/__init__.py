"""What each layer costs when it is quantized, and the best mix within a budget."""

from edgeseal.tflite.tuning._recipe_search import Budget, TunedRecipe, TuneResult, pareto, search
from edgeseal.tflite.tuning._sensitivity import LayerCost, alone, measure_sensitivity
from edgeseal.tflite.tuning._task import Score, Task, plain_task
from edgeseal.tflite.tuning._trials import RecipeTrial, Trials, state_path
from edgeseal.tflite.tuning._tuned_layers import (
    CHOICES,
    Layer,
    check_source,
    find_layers,
    usable_recipe,
)
from edgeseal.tflite.tuning._tuning_plot import check_plot, plot_found, plot_sensitivity
from edgeseal.tflite.tuning._tuning_record import found_record, sensitivity_record

__all__ = [
    "CHOICES",
    "Budget",
    "Layer",
    "LayerCost",
    "RecipeTrial",
    "Score",
    "Task",
    "Trials",
    "TuneResult",
    "TunedRecipe",
    "alone",
    "check_plot",
    "check_source",
    "find_layers",
    "found_record",
    "measure_sensitivity",
    "pareto",
    "plain_task",
    "plot_found",
    "plot_sensitivity",
    "search",
    "sensitivity_record",
    "state_path",
    "usable_recipe",
]
