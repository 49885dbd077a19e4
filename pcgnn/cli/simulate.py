"""The command ``pcgnn simulate``: collisions in a detector, to a ROOT file."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pcgnn.cli.options import Parser
from pcgnn.errors import ConfigError, WriteError

if TYPE_CHECKING:
    import awkward as ak

    from pcgnn.simulation import EventSimulation

__all__ = ["SAMPLES", "simulate"]


def simulate(words: Sequence[str]) -> int:
    """``pcgnn simulate SAMPLE OUTPUT``."""
    if not words or words[0] in ("-h", "--help"):
        print(_help())
        return 0
    sample, *rest = words
    if sample not in SAMPLES:
        import difflib

        close = difflib.get_close_matches(sample, SAMPLES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"choose one of {list(SAMPLES)}"
        raise ConfigError(f"there is no simulation of {sample!r}", remedy=hint)
    return SAMPLES[sample][0](rest)


def _help() -> str:
    width = max(map(len, SAMPLES))
    return "\n".join(
        [
            "usage: pcgnn simulate SAMPLE OUTPUT [OPTIONS]",
            "",
            "Simulate collisions and write them to a ROOT file.",
            "",
            "samples:",
            *(f"  {name:<{width}}  {text}" for name, (_, text) in SAMPLES.items()),
            "",
            "  pcgnn simulate SAMPLE --help   options of a sample",
        ]
    )


def _tracks(words: Sequence[str]) -> int:
    """``pcgnn simulate tracks OUTPUT``."""
    from pcgnn.simulation.acts_settings import Digitisation

    parser = Parser(
        "simulate tracks",
        "Simulate top-quark pairs at 14 TeV with pile-up (Pythia 8) in the ACTS Generic detector "
        "(geometry of TrackML, 2 T). Needs the extra: pip install 'pcgnn[simulation]'.",
    )
    _add_common(parser, pile_up=200.0)
    parser.add_argument(
        "--processes", type=int, default=1, metavar="N", help="processes [%(default)s]"
    )
    parser.add_argument(
        "--reconstruction",
        action="store_true",
        help="also find tracks with ACTS: ckf (combinatorial Kalman filter) and ambi (after the "
        "resolution of ambiguities); neither with --inefficiency nor with --noise",
    )
    parser.add_argument(
        "--digitisation",
        choices=get_args(Digitisation),
        default="smearing",
        help="smearing: normal errors of pitch / sqrt(12); geometric: channels and clusters, "
        "so that close particles may share a hit [%(default)s]",
    )
    parser.add_argument(
        "--inefficiency", type=float, default=0.0, metavar="P",
        help="probability to lose a hit, 0 to 1 [%(default)s]",
    )  # fmt: skip
    parser.add_argument(
        "--noise", type=float, default=0.0, metavar="F",
        help="noise hits per hit of a particle [%(default)s]",
    )  # fmt: skip
    _add_particles(parser, pt_min=0.1, eta_max=4.0)
    parser.add_argument(
        "--truth-positions",
        action="store_true",
        help="keep the true position (mm) and momentum (GeV) at each hit: 2.5 times the size",
    )
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")
    found = parser.parse_args(list(words))
    _check_output(found.output, found.overwrite)
    from pcgnn.simulation import simulate_tracks

    print(
        simulate_tracks(
            found.output,
            found.events,
            pile_up=found.pile_up,
            seed=found.seed,
            reconstruction=found.reconstruction,
            digitisation=found.digitisation,
            inefficiency=found.inefficiency,
            noise=found.noise,
            processes=found.processes,
            pt_min=found.pt_min,
            eta_max=found.eta_max,
            truth_positions=found.truth_positions,
            first_event=found.first_event,
            compression=found.compression,
            overwrite=found.overwrite,
            progress=not found.no_progress,
        )
    )
    return 0


def _toy_tracks(words: Sequence[str]) -> int:
    """``pcgnn simulate toy-tracks OUTPUT``."""
    parser = Parser(
        "simulate toy-tracks",
        "Simulate charged particles on helices through ten barrel layers and 19 disks per side, "
        "with NumPy alone. For tests and first steps, not for results.",
    )
    _add_common(parser, pile_up=0.0)
    _add_particles(parser, pt_min=0.15, eta_max=3.5)
    parser.add_argument(
        "--field", type=float, default=2.0, metavar="T",
        help="magnetic field along the beam, tesla [%(default)s]",
    )  # fmt: skip
    parser.add_argument(
        "--efficiency", type=float, default=0.98, metavar="P",
        help="probability that a crossing gives a hit, 0 to 1 [%(default)s]",
    )  # fmt: skip
    parser.add_argument(
        "--noise", type=float, default=0.1, metavar="F",
        help="noise hits per hit of a particle [%(default)s]",
    )  # fmt: skip
    parser.add_argument("--no-scattering", action="store_true", help="layers scatter nothing")
    parser.add_argument(
        "--resolution", type=float, default=1.0, metavar="X",
        help="factor to the errors of the measurement; 0 measures exactly [%(default)s]",
    )  # fmt: skip
    found = parser.parse_args(list(words))
    _check_output(found.output, found.overwrite)
    from pcgnn.io import write_hits
    from pcgnn.simulation import simulate_toy

    hits = simulate_toy(
        found.events,
        pile_up=found.pile_up,
        seed=found.seed,
        first_event=found.first_event,
        pt_min=found.pt_min,
        eta_max=found.eta_max,
        field=found.field,
        efficiency=found.efficiency,
        noise=found.noise,
        scattering=not found.no_scattering,
        resolution=found.resolution,
    )
    write_hits(found.output, hits, compression=found.compression, overwrite=found.overwrite)
    print(f"{found.output}: {_counts(hits)}")
    return 0


def _jets(words: Sequence[str]) -> int:
    """``pcgnn simulate jets OUTPUT``."""
    parser = Parser(
        "simulate jets",
        "Simulate jets of known origin at 14 TeV (Pythia 8) in a parametrised detector: tracks "
        "with impact parameters and calorimeter cells, clustered with anti-kT (FastJet). Needs the "
        "extra: pip install 'pcgnn[simulation]'.",
    )
    _add_jets(parser, classes="top,qcd", pile_up=0.0, max_particles=200)
    found = parser.parse_args(list(words))
    _check_output(found.output, found.overwrite)
    from pcgnn.simulation import simulate_jets

    print(simulate_jets(found.output, found.jets, **_jet_options(found)))
    return 0


def _softdrop(words: Sequence[str]) -> int:
    """``pcgnn simulate softdrop OUTPUT``."""
    parser = Parser(
        "simulate softdrop",
        "Simulate jets among pile-up, with the soft-drop mass that they have without it as target "
        "of a regression, energies in both calorimeters, and the share of pile-up of each particle "
        "(Pythia 8, FastJet). Needs the extra: pip install 'pcgnn[simulation]'.",
    )
    _add_jets(parser, classes="qcd,top,w", pile_up=50.0, max_particles=250)
    parser.add_argument(
        "--pile-up-pool", type=int, default=4000, metavar="N",
        help="draw the other collisions from so many, each time turned; 0: fresh ones, which "
        "takes ten times as long [%(default)s]",
    )  # fmt: skip
    found = parser.parse_args(list(words))
    _check_output(found.output, found.overwrite)
    from pcgnn.simulation import simulate_softdrop

    options = {**_jet_options(found), "pile_up_pool": found.pile_up_pool}
    print(simulate_softdrop(found.output, found.jets, **options))
    return 0


def _add_jets(
    parser: argparse.ArgumentParser, *, classes: str, pile_up: float, max_particles: int
) -> None:
    _add_output(parser)
    parser.add_argument(
        "--jets", type=int, required=True, metavar="N", help="number of jets, all classes together"
    )
    parser.add_argument(
        "--classes", default=classes, metavar="NAMES",
        help="some of top, qcd, b, light, w, in equal numbers and shuffled [%(default)s]",
    )  # fmt: skip
    parser.add_argument(
        "--preset", default="pf", metavar="NAME",
        help="detector. pf: fine cells; tower: cells of 0.1 x 10 degrees [%(default)s]",
    )  # fmt: skip
    _add_random(parser, pile_up=pile_up)
    parser.add_argument(
        "--processes", type=int, default=1, metavar="N", help="processes [%(default)s]"
    )
    parser.add_argument(
        "--pt-min", type=float, default=550.0, metavar="GEV",
        help="lowest pT of the jets, GeV [%(default)s]",
    )  # fmt: skip
    parser.add_argument(
        "--pt-max", type=float, default=650.0, metavar="GEV", help="highest, GeV [%(default)s]"
    )
    parser.add_argument(
        "--eta-max", type=float, default=2.0, metavar="ETA",
        help="largest |eta| of the jets [%(default)s]",
    )  # fmt: skip
    parser.add_argument(
        "--radius", type=float, default=0.8, metavar="R", help="of the jets [%(default)s]"
    )
    parser.add_argument(
        "--multiple-interactions",
        action="store_true",
        help="other partons of the two protons scatter too",
    )
    parser.add_argument(
        "--max-particles", type=int, default=max_particles, metavar="N",
        help="most particles kept per jet, those of largest pT [%(default)s]",
    )  # fmt: skip
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")


def _jet_options(found: argparse.Namespace) -> dict[str, Any]:
    names: tuple[str, ...] = (
        "preset",
        "pile_up",
        "pt_min",
        "pt_max",
        "eta_max",
        "radius",
        "multiple_interactions",
    )
    names = (*names, "max_particles", "seed", "processes", "compression", "overwrite")
    return {
        **{name: getattr(found, name) for name in names},
        "classes": [name.strip() for name in found.classes.split(",")],
        "progress": not found.no_progress,
    }


def _stop(words: Sequence[str]) -> int:
    """``pcgnn simulate stop OUTPUT``."""
    parser = Parser(
        "simulate stop",
        "Simulate stop pairs of (900, 100) and (600, 400) GeV and top-quark pairs at 13 TeV with "
        "one electron or muon of pT > 40 GeV, four jets and a b tag (Pythia 8, FastJet, a "
        "parametrised detector), with weights. Needs the extra: pip install 'pcgnn[simulation]'.",
    )
    from pcgnn.simulation import simulate_stop

    return _events(parser, words, simulate_stop, signal_share=0.35)


def _resonance(words: Sequence[str]) -> int:
    """``pcgnn simulate resonance OUTPUT``."""
    parser = Parser(
        "simulate resonance",
        "Simulate resonances of 500, 750, 1000, 1250 and 1500 GeV that decay to top quarks, and "
        "top-quark pairs, at 13 TeV with one electron or muon of pT > 30 GeV, four jets and a b "
        "tag (Pythia 8, FastJet, a parametrised detector), with weights. Needs the extra: pip "
        "install 'pcgnn[simulation]'.",
    )
    from pcgnn.simulation import simulate_resonance

    return _events(parser, words, simulate_resonance, signal_share=0.55)


def _events(
    parser: Parser,
    words: Sequence[str],
    make: Callable[..., EventSimulation],
    *,
    signal_share: float,
) -> int:
    _add_output(parser)
    parser.add_argument(
        "--collisions", type=int, required=True, metavar="N",
        help="number of collisions whose leptons pass the filter of the generator",
    )  # fmt: skip
    parser.add_argument(
        "--signal-share", type=float, default=signal_share, metavar="F",
        help="share of the signals among them, all together [%(default)s]",
    )  # fmt: skip
    parser.add_argument(
        "--luminosity", type=float, default=30.0, metavar="L",
        help="that the weights are made for, 1/fb [%(default)s]",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, help="fixes everything random [%(default)s]")
    parser.add_argument(
        "--processes", type=int, default=1, metavar="N", help="processes [%(default)s]"
    )
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")
    found = parser.parse_args(list(words))
    _check_output(found.output, found.overwrite)
    print(
        make(
            found.output,
            found.collisions,
            signal_share=found.signal_share,
            luminosity=found.luminosity,
            seed=found.seed,
            processes=found.processes,
            compression=found.compression,
            overwrite=found.overwrite,
            progress=not found.no_progress,
        )
    )
    return 0


SAMPLES: dict[str, tuple[Callable[[Sequence[str]], int], str]] = {
    "tracks": (_tracks, "hits of top-quark pairs with pile-up in a full tracker (Pythia, ACTS)"),
    "jets": (_jets, "jets of top quarks, W bosons, b quarks, light quarks and gluons (Pythia)"),
    "softdrop": (_softdrop, "jets among pile-up for the regression of their soft-drop mass"),
    "stop": (_stop, "stop pairs and top-quark pairs with one lepton, weighted (Pythia, FastJet)"),
    "resonance": (_resonance, "resonances to top-quark pairs, weighted (Pythia, FastJet)"),
    "toy-tracks": (_toy_tracks, "hits of helices in a toy tracker (NumPy alone)"),
}
"""By name: what runs it, and a line for the help."""


def _add_common(parser: argparse.ArgumentParser, *, pile_up: float) -> None:
    _add_output(parser)
    parser.add_argument("--events", type=int, required=True, metavar="N", help="number of events")
    _add_random(parser, pile_up=pile_up)
    parser.add_argument(
        "--first-event", type=int, default=0, metavar="N",
        help="number of the first event; files of one seed and disjoint numbers hold different "
        "events of one sample [%(default)s]",
    )  # fmt: skip


def _add_output(parser: argparse.ArgumentParser) -> None:
    from pcgnn.io.writing import Compression

    parser.add_argument("output", metavar="OUTPUT", help="the ROOT file to write")
    parser.add_argument(
        "--compression", choices=get_args(Compression), default="zstd", help="[%(default)s]"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output")


def _add_random(parser: argparse.ArgumentParser, *, pile_up: float) -> None:
    parser.add_argument(
        "--pile-up", type=float, default=pile_up, metavar="MU",
        help="mean number of collisions besides the hard one [%(default)s]",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, help="fixes everything random [%(default)s]")


def _add_particles(parser: argparse.ArgumentParser, *, pt_min: float, eta_max: float) -> None:
    parser.add_argument(
        "--pt-min", type=float, default=pt_min, metavar="GEV",
        help="lowest pT of the particles that enter the detector, GeV [%(default)s]",
    )  # fmt: skip
    parser.add_argument(
        "--eta-max", type=float, default=eta_max, metavar="ETA",
        help="their largest |eta| [%(default)s]",
    )  # fmt: skip


def _check_output(output: str, overwrite: bool) -> None:
    """Before hours of simulation, not after them."""
    path = Path(output)
    if not path.parent.is_dir():
        raise WriteError("the folder of the output does not exist", file=path.parent)
    if path.suffix != ".root":
        raise ConfigError("the output is no ROOT file", file=path, remedy="let it end in .root")
    if path.exists() and not overwrite:
        raise WriteError("the output exists already", file=path, remedy="add --overwrite")


def _counts(hits: ak.Array) -> str:
    import awkward as ak

    number = len(hits)
    per_event = {name: int(ak.sum(ak.num(hits[name]))) / number for name in ("hit", "particle")}
    return (
        f"{number} events, {per_event['hit']:.0f} hits and {per_event['particle']:.0f} particles "
        "per event"
    )
