"""A plan as a configuration that ``pcgnn fit -c`` trains in the same way."""

from __future__ import annotations

from typing import Any

from pcgnn.training.plain import to_plain
from pcgnn.training.plan import OF_TASK, Plan
from pcgnn.training.tasks import task_of

__all__ = ["OF_DATA", "OF_RUN", "OF_TRAINER", "plan_config"]

OF_DATA = ("batch_size", "eval_batch_size", "group_sizes")
"""Arguments of fit that stand in the section ``data``."""
OF_TRAINER = {
    "epochs": "max_epochs",
    "gradient_clip": "gradient_clip_val",
    "precision": "precision",
}
"""Arguments of fit and their names in the section ``trainer``."""
OF_RUN = ("monitor", "early_stopping", "early_stopping_start")
"""Arguments of fit that stand in the section ``run``."""


def plan_config(plan: Plan, train: Any, seed: int) -> dict[str, Any] | None:
    """The sections ``model``, ``trainer`` and ``run``, and of ``data`` what belongs to training.

    Laid over a configuration that says which files to read (``-c data.yaml -c best.yaml``) it
    trains the network of the plan from the same initial weights in the same order.

    Args:
        plan: the plan.
        train: training data, which may decide on the kind of the task.
        seed: of the training.

    Returns:
        plain values; None if the model has no name.
    """
    if not isinstance(plan.model, str):
        return None
    from pcgnn.models import model_class

    kind = plan.task or task_of(model_class(plan.model), train)
    options = dict(plan.fit)
    data = {name: options[name] for name in OF_DATA if name in options}
    trainer = {new: options[old] for old, new in OF_TRAINER.items() if old in options}
    run = {name: options[name] for name in OF_RUN if name in options}
    config: dict[str, Any] = {
        "seed_everything": seed,
        "model": {
            "class_path": f"pcgnn.training.{kind.__name__}",
            "init_args": {
                "name": plan.model,
                "arguments": dict(plan.arguments),
                **{name: options[name] for name in OF_TASK if name in options},
                **plan.task_arguments,
            },
        },
        "data": {"init_args": {**data, "seed": seed}},
        "trainer": trainer,
    }
    if run:
        config["run"] = run
    return dict(to_plain(config))
