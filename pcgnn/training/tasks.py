"""The tasks by kind."""

from __future__ import annotations

from typing import Any

from pcgnn.errors import CheckpointError
from pcgnn.training.anomaly_task import ReconstructionTask
from pcgnn.training.base_task import Task
from pcgnn.training.datamodule import first_attribute
from pcgnn.training.domain_task import DomainAdversarialTask
from pcgnn.training.element_tasks import EdgeClassificationTask, HitClassificationTask
from pcgnn.training.event_tasks import CondensationTask, EmbeddingTask
from pcgnn.training.multi_label_task import MultiLabelTask
from pcgnn.training.particle_task import ParticleClassificationTask
from pcgnn.training.regression_task import RegressionTask
from pcgnn.training.task import ClassificationTask

__all__ = ["task_class", "task_of"]

TASKS: dict[str, type[Task]] = {
    task.kind: task
    for task in (
        ClassificationTask,
        CondensationTask,
        DomainAdversarialTask,
        EdgeClassificationTask,
        EmbeddingTask,
        HitClassificationTask,
        MultiLabelTask,
        ParticleClassificationTask,
        ReconstructionTask,
        RegressionTask,
    )
}


def task_class(kind: str) -> type[Task]:
    """The class of a kind of task.

    Raises:
        CheckpointError: no such task in this version.
    """
    if kind not in TASKS:
        raise CheckpointError(
            f"there is no task {kind!r}", remedy=f"this pcgnn knows {sorted(TASKS)}"
        )
    return TASKS[kind]


def task_of(network: Any, data: Any = None) -> type[Task]:
    """The task a network is made for; classification of graphs where it does not say.

    Args:
        network: the network.
        data: training data; clouds with several labels per graph make it a task on labels,
            floating-point targets a regression.
    """
    kind = getattr(network, "task", ClassificationTask.kind)
    if kind == ClassificationTask.kind and first_attribute("multi_label", data):
        return MultiLabelTask
    if kind == ClassificationTask.kind and first_attribute("regression", data):
        return RegressionTask
    return task_class(kind)
