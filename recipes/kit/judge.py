"""What the test part says of a model: whether a baseline is better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from recipes.kit.console import figure
from recipes.kit.recipe import Objective


def against_baseline(
    objective: Objective, test: Mapping[str, float], baseline: Mapping[str, float]
) -> tuple[bool, Sequence[str]]:
    """Whether a baseline is better than the model, by the metric the model was chosen by.

    Args:
        objective: That metric, and whether more or less of it is better.
        test: Metrics of the model.
        baseline: Metrics of the baselines: METRIC itself; of further ones `PREFIX_METRIC` or
            `METRIC_of_WHAT`.

    Returns:
        Whether one is better, and a sentence about it where the model is not better than all.
    """
    metric = objective.metric
    rivals = {
        name: value
        for name, value in baseline.items()
        if name == metric or name.endswith(f"_{metric}") or name.startswith(f"{metric}_of_")
    }
    rivals = {name: value for name, value in rivals.items() if not math.isnan(value)}
    if metric not in test or not rivals:
        return False, ()
    own = test[metric]
    name = objective.best(rivals, key=lambda rival: rivals[rival])
    best = rivals[name]
    which = "The baseline" if name == metric else "A baseline"
    if best == own:
        return False, (f"{which} is as good as the model: {name} {figure(best)}.",)
    if objective.best(best, own) != best:
        return False, ()
    return True, (f"{which} is better: {name} {figure(best)} against {figure(own)} of the model.",)
