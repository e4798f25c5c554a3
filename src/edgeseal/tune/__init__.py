"""What each layer costs when it is quantized, and the best mix within a budget."""

from edgeseal.tune._layers import CHOICES, Layer, check_source, find_layers, usable_recipe
from edgeseal.tune._plot import check_plot, plot_found, plot_sensitivity
from edgeseal.tune._report import found_record, sensitivity_record
from edgeseal.tune._search import Budget, Candidate, Found, pareto, search
from edgeseal.tune._sensitivity import LayerCost, alone, measure_sensitivity
from edgeseal.tune._task import Score, Task, plain_task
from edgeseal.tune._trials import Trial, Trials, state_path

__all__ = [
    "CHOICES",
    "Budget",
    "Candidate",
    "Found",
    "Layer",
    "LayerCost",
    "Score",
    "Task",
    "Trial",
    "Trials",
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
