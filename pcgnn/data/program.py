"""Feature definitions compiled to a list of array operations.

The expressions are run through once with symbols instead of arrays. What comes out is a program in
which each quantity is computed once, that is then run over the records piece by piece: temporaries
stay in the cache, and an array that is not needed any more takes the next result.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pcgnn.data.checks import GRAPH, PARTICLE
from pcgnn.data.flat import NUMPY_FUNCTIONS, Flat, NumpyBackend
from pcgnn.errors import ExpressionError
from pcgnn.io.expressions import FUNCTIONS, OPERATORS, REDUCTIONS

__all__ = ["Input", "Program", "Ref", "Tracer", "Value"]

# What np.where and comparisons return is new memory; all other functions write to where told.
_NO_OUT = frozenset({"where"})
# Functions of several steps, which may not overwrite an argument they still need.
_NOT_IN_PLACE = frozenset({"clip"})


class Input(NamedTuple):
    """A column: of the particles, of the events, or the sizes of the jets."""

    source: str
    name: str
    ndim: int


class Value(NamedTuple):
    """The result of a step: a number in double precision or a condition."""

    number: int
    is_condition: bool


class Ref(NamedTuple):
    """The result of the step with this number; never equal to a constant."""

    step: int


class _Step(NamedTuple):
    kind: str
    """"particle", "event" (loading), "expand", "call", "condition" or "reduce"."""
    name: str
    arguments: tuple[Ref | float, ...]
    level: str
    is_condition: bool


class Tracer:
    """A backend that computes nothing but writes down the steps; equal steps are written once."""

    def __init__(self) -> None:
        self.steps: list[_Step] = []
        self._numbers: dict[_Step, int] = {}

    def particle(self, data: Any) -> Flat:
        """A value per particle."""
        return Flat(data, PARTICLE)

    def event(self, data: Any) -> Flat:
        """A value per jet."""
        return Flat(data, GRAPH)

    def number(self, value: Any) -> Any:
        """Load a column, or use a condition as 0 and 1."""
        if isinstance(value, Input):
            if value.ndim != 1:
                raise ExpressionError(
                    f"the column {value.name} with {value.ndim} dimensions cannot be used here"
                )
            level = PARTICLE if value.source == "particle" else GRAPH
            return self._step(_Step(value.source, value.name, (), level, False))
        if isinstance(value, Value) and value.is_condition:
            old = self.steps[value.number]
            return self._step(_Step("call", "number", (Ref(value.number),), old.level, False))
        return value

    def condition(self, value: Any) -> Any:
        """True where not 0."""
        value = self.number(value) if isinstance(value, Input) else value
        if not isinstance(value, Value):
            return value != 0
        if value.is_condition:
            return value
        level = self.steps[value.number].level
        return self._step(_Step("call", "not_equal", (Ref(value.number), 0.0), level, True))

    def call(self, name: str, *args: Any) -> Any:
        """Write a function or operator down."""
        signature = OPERATORS.get(name) or FUNCTIONS[name]
        levels = {value.level for value in args if isinstance(value, Flat)}
        if not levels:
            plain = [float(a) for a in args]
            result = (NUMPY_FUNCTIONS.get(name) or getattr(np, name))(*plain)
            return float(result)
        level = PARTICLE if PARTICLE in levels else GRAPH
        operands: list[Ref | float] = []
        for kind, value in zip(signature.arguments, args, strict=True):
            data = value.data if isinstance(value, Flat) else value
            data = self.condition(data) if kind == "condition" else self.number(data)
            if isinstance(value, Flat) and value.level != level:
                data = self._expand(data)
            operands.append(Ref(data.number) if isinstance(data, Value) else data)
        is_condition = signature.result == "condition"
        step = _Step("call", name, tuple(operands), level, is_condition)
        return Flat(self._step(step), level)

    def reduce(self, name: str, value: Any) -> Flat:
        """Write a reduction over the particles of each jet down."""
        if not isinstance(value, Flat) or value.level != PARTICLE:
            raise ExpressionError(
                f"{name}() reduces over the particles of a jet, but its argument has one value "
                "per jet"
            )
        signature = REDUCTIONS[name]
        wanted = signature.arguments[0] == "condition"
        data = self.condition(value.data) if wanted else self.number(value.data)
        is_condition = signature.result == "condition"
        return Flat(
            self._step(_Step("reduce", name, (Ref(data.number),), GRAPH, is_condition)), GRAPH
        )

    def at_particles(self, value: Any) -> Ref | float:
        """The step whose result is the value for each particle; a number if it is constant."""
        if not isinstance(value, Flat):
            return float(value)
        data = self.number(value.data)
        data = data if value.level == PARTICLE else self._expand(data)
        return Ref(data.number)

    def _expand(self, value: Value) -> Value:
        step = _Step("expand", "", (Ref(value.number),), PARTICLE, value.is_condition)
        return self._step(step)

    def _step(self, step: _Step) -> Value:
        if step not in self._numbers:
            self._numbers[step] = len(self.steps)
            self.steps.append(step)
        return Value(self._numbers[step], step.is_condition)


@dataclass(frozen=True)
class _Operation:
    """A step made ready to run."""

    step: _Step
    function: Callable[..., Any] | None
    arguments: tuple[tuple[bool, Any], ...]
    result: int
    to_buffer: bool
    """Whether the result goes to an array of the piece's length that is used again."""
    dies: tuple[int, ...]
    """Results not needed after this operation."""


class Program:
    """Steps with the order of their deaths; :meth:`run` executes them on a piece of records.

    Args:
        tracer: the steps.
        outputs: for each output the step that gives it, or a constant.
    """

    def __init__(self, tracer: Tracer, outputs: list[Ref | float]) -> None:
        self._outputs = outputs
        steps = tracer.steps
        last = {number: number for number in range(len(steps))}
        for number, step in enumerate(steps):
            for argument in step.arguments:
                if isinstance(argument, Ref):
                    last[argument.step] = number
        kept = {output.step for output in outputs if isinstance(output, Ref)}
        dying: dict[int, list[int]] = {}
        for number, at in last.items():
            if number not in kept:
                dying.setdefault(at, []).append(number)
        self._operations = [
            self._prepare(step, number, tuple(dying.get(number, ())))
            for number, step in enumerate(steps)
        ]
        self._free: list[np.ndarray] = []

    def fresh(self) -> Program:
        """The same program with memory of its own, so that two may run at the same time."""
        other = copy.copy(self)
        other._free = []
        return other

    @staticmethod
    def _prepare(step: _Step, number: int, dies: tuple[int, ...]) -> _Operation:
        function = None
        if step.kind == "call":
            function = _FUNCTIONS.get(step.name) or getattr(np, step.name)
        arguments = tuple(
            (True, a.step) if isinstance(a, Ref) else (False, a) for a in step.arguments
        )
        to_buffer = (
            step.kind in ("particle", "call")
            and step.level == PARTICLE
            and not step.is_condition
            and step.name not in _NO_OUT
        )
        return _Operation(step, function, arguments, number, to_buffer, dies)

    def run(
        self,
        particles: Mapping[str, np.ndarray],
        event: Mapping[str, np.ndarray],
        backend: NumpyBackend,
        length: int,
        receive: Callable[[int, np.ndarray], None],
    ) -> None:
        """Compute all outputs for some jets.

        Args:
            particles: particle columns of these jets.
            event: event columns of these jets.
            backend: knows their offsets.
            length: number of their particles n.
            receive: called with the number of each output and its values (n,), which it must
                not change.
        """
        if self._free and self._free[0].size < length:
            self._free.clear()
        results: list[Any] = [None] * len(self._operations)
        owned: dict[int, np.ndarray] = {}
        for operation in self._operations:
            step, number = operation.step, operation.result
            arguments = [results[a] if is_step else a for is_step, a in operation.arguments]
            out = None
            value: Any
            if operation.to_buffer:
                owned[number] = buffer = self._buffer(operation, owned, length)
                out = buffer[:length]
            if operation.function is not None:
                value = (
                    operation.function(*arguments)
                    if out is None
                    else operation.function(*arguments, out=out)
                )
            elif step.kind == "particle":
                value = out
                np.copyto(value, particles[step.name], casting="unsafe")
            elif step.kind == "expand":
                value = backend.expand(arguments[0])
            elif step.kind == "reduce":
                value = backend.reduce_numbers(step.name, arguments[0])
            elif step.kind == "sizes":
                value = backend.sizes.astype(np.float64)
            else:
                value = event[step.name].astype(np.float64)
            results[number] = value
            for dead in operation.dies:
                results[dead] = None
                if dead in owned:
                    self._free.append(owned.pop(dead))
        for output, source in enumerate(self._outputs):
            values = results[source.step] if isinstance(source, Ref) else backend.full(source)
            receive(output, values)
        self._free.extend(owned.values())

    def _buffer(
        self, operation: _Operation, owned: dict[int, np.ndarray], length: int
    ) -> np.ndarray:
        """Memory for a result: of an argument that is not needed any more, if there is one."""
        if operation.step.name not in _NOT_IN_PLACE:
            for dead in operation.dies:
                if dead in owned and dead != operation.result:
                    return owned.pop(dead)
        return self._free.pop() if self._free else np.empty(_capacity(length))


def _capacity(length: int) -> int:
    """A round length a little above, so that pieces of similar length share their memory."""
    return -(-length // 4096) * 4096


def _as_number(condition: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    if out is None:
        return condition.astype(np.float64)
    np.copyto(out, condition)
    return out


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {**NUMPY_FUNCTIONS, "number": _as_number}
