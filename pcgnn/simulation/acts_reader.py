"""Pythia's events as input of an ACTS sequence."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcgnn.simulation.acts_backend import load_acts
from pcgnn.simulation.acts_settings import TrackSettings
from pcgnn.simulation.pythia import Generated, generate_event

__all__ = ["make_reader"]


def make_reader(settings: TrackSettings, stop: int, output: str = "particles_generated") -> Any:
    """A reader of an ACTS sequence that generates each event when it is asked for.

    Args:
        settings: of the simulation.
        stop: number of the event after the last.
        output: name of the particles for the algorithms that follow.

    Raises:
        BackendError: pyacts is missing.
    """
    acts = load_acts()
    examples = acts.examples

    class PythiaReader(examples.IReader):  # type: ignore[misc, name-defined]
        """Writes the particles of the event that ACTS asks for."""

        def __init__(self) -> None:
            examples.IReader.__init__(self, "PythiaReader", acts.logging.ERROR)
            self.handle = examples.WriteDataHandle(
                self, examples.SimParticleContainer, "OutputParticles"
            )
            self.handle.initialize(output)
            self.failure: Exception | None = None

        # the names are ACTS'
        def availableEvents(self) -> tuple[int, int]:  # noqa: N802
            return 0, stop

        def read(self, context: Any) -> Any:
            try:
                particles = generate_event(
                    int(context.eventNumber),
                    seed=settings.seed,
                    pile_up=settings.pile_up,
                    pt_min=settings.pt_min,
                    eta_max=settings.eta_max,
                )
                self.handle(context, _container(acts, particles))
            except Exception as error:  # must not pass through ACTS' C++; told by who runs it
                self.failure = error
                return examples.ProcessCode.ABORT
            return examples.ProcessCode.SUCCESS

    return PythiaReader()


def _container(acts: Any, particles: Generated) -> Any:
    """Fill ACTS' container of particles.

    It takes one particle object at a time, there is no way to hand it arrays: hence the only
    loop over particles in this package. It costs a tenth of the time of an event.
    """
    examples, units = acts.examples, acts.UnitConstants
    Barcode, Particle, pdg_code = examples.SimBarcode, examples.SimParticle, acts.PdgParticle
    four_vector, direction = acts.Vector4, acts.Vector3
    absolute = np.linalg.norm(particles.momentum, axis=1)
    container = examples.SimParticleContainer()
    rows = zip(
        particles.pdg.tolist(),
        particles.charge.tolist(),
        particles.momentum.tolist(),
        absolute.tolist(),
        particles.mass.tolist(),
        particles.position.tolist(),
        particles.collision.tolist(),
        particles.secondary.tolist(),
        strict=True,
    )
    for number, (code, charge, momentum, size, mass, place, primary, secondary) in enumerate(rows):
        barcode = Barcode()
        barcode.vertexPrimary, barcode.vertexSecondary = primary, secondary
        barcode.particle = number + 1
        particle = Particle(barcode, pdg_code(code), charge * units.e, mass * units.GeV)
        particle.fourPosition = four_vector(*place)
        particle.direction = direction(*momentum)
        particle.absoluteMomentum = size * units.GeV
        container.insert(particle)
    return container
