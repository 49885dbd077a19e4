"""What a tagger costs: operations and jets per second."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from pcgnn.training.base_task import Task

__all__ = ["flops_per_graph", "jets_per_second"]


def flops_per_graph(task: Task, clouds: Any, *, graphs: int = 256) -> float:
    """Floating-point operations of matrix products, convolutions and attention, per graph.

    A multiplication and an addition are two operations. Of one forward pass over some graphs; what
    is elementwise, a reduction or a recurrent cell is not counted.

    Args:
        task: standardisation and network.
        clouds: the graphs.
        graphs: how many of them.
    """
    count = min(graphs, len(clouds))
    batch = clouds.batch(_spread(count, len(clouds)))
    counter = FlopCounterMode(display=False)
    was_training = task.training
    task.eval()
    # the counter hooks into gradients of what goes into modules, and a network may hand a parameter
    # to one, under no_grad one without a history
    trained = [parameter for parameter in task.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        with torch.no_grad(), counter:
            task(batch.to(task.device))
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)
        task.train(was_training)
    return float(counter.get_total_flops()) / count


def jets_per_second(
    task: Task, clouds: Any, *, training: bool, batch_size: int, batches: int = 5
) -> float:
    """Jets per second, the median over some batches after a first one.

    On the CPU the time is that of the process summed over its threads, so that the result is per
    core and other programs do not disturb it; on CUDA it is the time on the wall.

    Args:
        task: the model; its weights stay as they are.
        clouds: jets with classes.
        training: forward, backward and a step of plain gradient descent of size zero; otherwise
            the forward pass.
        batch_size: jets per batch.
        batches: how many are timed.
    """
    count = min(batch_size, len(clouds))
    numbers = _spread(count * (batches + 1), len(clouds))
    data = [
        clouds.batch(numbers[first :: batches + 1]).to(task.device) for first in range(batches + 1)
    ]
    was_training = task.training
    state = {name: value.clone() for name, value in task.state_dict().items()}
    task.train(training)
    work = _step(task) if training else _forward(task)
    try:
        times = [_timed(work, batch, task.device) for batch in data][1:]
    finally:
        task.load_state_dict(state)
        task.zero_grad(set_to_none=True)
        task.train(was_training)
    return count / median(times)


def _spread(count: int, total: int) -> np.ndarray:
    """Numbers of graphs from all parts of the clouds, which may be sorted by class or size."""
    return np.linspace(0, total, count, endpoint=False).astype(np.int64)


def _timed(work: Callable[[Any], None], batch: Any, device: torch.device) -> float:
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    _wait(device)
    start = clock()
    work(batch)
    _wait(device)
    return max(clock() - start, 1e-9)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _forward(task: Task) -> Callable[[Any], None]:
    def run(batch: Any) -> None:
        with torch.inference_mode():
            task(batch)

    return run


def _step(task: Task) -> Callable[[Any], None]:
    parameters = [p for p in task.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=0.0)

    def run(batch: Any) -> None:
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(task.batch_loss(batch)[0])
        optimizer.step()

    return run
