"""Pure functions that compute what the pictures show."""

from .comparison import Comparison, recording_of_run
from .cost import Cost, cost
from .cost_counts import Counts, count_costs
from .cost_curves import CostPoint, Workload, measure_costs
from .course import Course, epoch_course
from .excerpt import Excerpt
from .gradient_flow import Gradients, gradient_flow, prediction_gradients
from .interventions import Intervention, Scenario, ablation, load_scenarios, save_scenarios
from .lags import Correlations, Held, lagged_correlations
from .memory import STATES, Memory, Thresholds
from .ordering import order_units
from .patterns import Found, Match, Pattern, PatternSearch
from .recording import QUANTITIES, Inspectable, Recording, as_recording
from .rivals import Sizes, rival_gradients
from .saturation import Saturation, saturation
from .step_conditions import Condition
from .subject import Subject, as_subject
from .thinning import Thinned
from .unit_ranking import UnitRanking, rank_units
from .what_if import Altered, AlteredStepper, WhatIf

__all__ = [
    "QUANTITIES",
    "STATES",
    "Altered",
    "AlteredStepper",
    "Comparison",
    "Condition",
    "Correlations",
    "Cost",
    "CostPoint",
    "Counts",
    "Course",
    "Excerpt",
    "Found",
    "Gradients",
    "Held",
    "Inspectable",
    "Intervention",
    "Match",
    "Memory",
    "Pattern",
    "PatternSearch",
    "Recording",
    "Saturation",
    "Scenario",
    "Sizes",
    "Subject",
    "Thinned",
    "Thresholds",
    "UnitRanking",
    "WhatIf",
    "Workload",
    "ablation",
    "as_recording",
    "as_subject",
    "cost",
    "count_costs",
    "epoch_course",
    "gradient_flow",
    "lagged_correlations",
    "load_scenarios",
    "measure_costs",
    "order_units",
    "prediction_gradients",
    "rank_units",
    "recording_of_run",
    "rival_gradients",
    "saturation",
    "save_scenarios",
]
