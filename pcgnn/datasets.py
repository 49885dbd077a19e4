"""Data sets by name: the samples that ship with pcgnn and the public files behind them.

:func:`bundled` finds a sample in the installed package or in the source checkout,
:func:`verify` compares it with its published checksum, and :func:`download` fetches the full
public files, resuming where an interrupted transfer stopped.
"""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import shutil
import urllib.error
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pcgnn._download import ResumingDownloader
from pcgnn.errors import ConfigError, DataError, DownloadError

__all__ = [
    "Dataset",
    "RemoteFile",
    "bundled",
    "describe",
    "download",
    "list_datasets",
    "verify",
]


@dataclass(frozen=True)
class RemoteFile:
    """A published file: name, address of its folder, md5 and size in bytes."""

    name: str
    base_url: str
    md5: str
    size: int


@dataclass(frozen=True)
class Dataset:
    """What pcgnn knows about a data set: its bundled samples and its published files."""

    name: str
    description: str
    licence: str
    citation: str
    sample: str
    files: tuple[RemoteFile, ...]
    more_samples: tuple[str, ...] = ()

    @property
    def samples(self) -> tuple[str, ...]:
        """All bundled files, the one meant without a name first."""
        return (self.sample, *self.more_samples)


_ZENODO = "https://zenodo.org/records/2603256/files"

_DATASETS = {
    "jets-pf": Dataset(
        name="jets-pf",
        description="Particle-flow jets of top quarks, b quarks, light quarks and gluons, and QCD, "
        "550-650 GeV, with charges, identities and impact parameters",
        licence="BSD-3-Clause",
        citation="simulated with pcgnn: Pythia 8.317, FastJet 3.5 (arXiv:2203.11601, 1111.6097)",
        sample="jets_pf.root",
        files=(),
    ),
    "resonance": Dataset(
        name="resonance",
        description="Resonances of 500 to 1500 GeV to top-quark pairs, and top-quark pairs, with "
        "one lepton: the 27 features of HEPMASS, objects and weights",
        licence="BSD-3-Clause",
        citation="simulated with pcgnn: Pythia 8.317, FastJet 3.5 (arXiv:2203.11601, 1111.6097)",
        sample="resonance.root",
        files=(),
    ),
    "softdrop": Dataset(
        name="softdrop",
        description="Jets of QCD, top quarks and W bosons, 550-650 GeV, among 50 pile-up "
        "collisions, with their soft-drop mass without them and the pile-up share of particles",
        licence="BSD-3-Clause",
        citation="simulated with pcgnn: Pythia 8.317, FastJet 3.5 (arXiv:2203.11601, 1111.6097)",
        sample="softdrop.root",
        files=(),
    ),
    "stop": Dataset(
        name="stop",
        description="Stop pairs of (900, 100) and (600, 400) GeV, and top-quark pairs, with one "
        "lepton: features with mT2W, objects, and weights for 30/fb",
        licence="BSD-3-Clause",
        citation="simulated with pcgnn: Pythia 8.317, FastJet 3.5 (arXiv:2203.11601, 1111.6097)",
        sample="stop.root",
        files=(),
    ),
    "toptag": Dataset(
        name="toptag",
        description="Top Quark Tagging Reference Dataset: top against QCD jets, 550-650 GeV",
        licence="CC-BY-4.0",
        citation="G. Kasieczka, T. Plehn, J. Thompson, M. Russel, doi:10.5281/zenodo.2603256",
        sample="toptag_sample.root",
        files=(
            RemoteFile("train.h5", _ZENODO, "45663819f47c13724f67eb0fd80bfa5c", 1_038_496_555),
            RemoteFile("val.h5", _ZENODO, "dca4b7248027618f041f9baa86d360fc", 347_378_076),
            RemoteFile("test.h5", _ZENODO, "13163479dee30a5fe546e4536cc3d04d", 347_849_376),
        ),
    ),
    "tracks": Dataset(
        name="tracks",
        description="Hits of top-quark pairs with 200 pile-up collisions in the Generic detector: "
        "pixel hits truth-selected above 0.5 GeV, and one complete event with reference tracks",
        licence="CC0-1.0",
        citation="simulated with pcgnn: Pythia 8.317, ACTS 48.1 (arXiv:2203.11601, 2106.13593)",
        sample="pixels_pt05.root",
        files=(),
        more_samples=("event_pu200.root",),
    ),
}


def list_datasets() -> list[str]:
    """Names of the known data sets.

    Example:
        >>> list_datasets()
        ['jets-pf', 'resonance', 'softdrop', 'stop', 'toptag', 'tracks']
    """
    return sorted(_DATASETS)


def describe(name: str) -> Dataset:
    """Description, licence, citation and published files of a data set.

    Raises:
        ConfigError: no data set of that name.
    """
    if name not in _DATASETS:
        known = ", ".join(list_datasets())
        raise ConfigError(f"no data set is called {name!r}", remedy=f"choose one of: {known}")
    return _DATASETS[name]


def bundled(name: str, sample: str | None = None) -> Path:
    """Path of a sample file that ships with pcgnn.

    An installed wheel carries it inside the package, a source checkout in ``datasets/``.

    Args:
        name: a name from :func:`list_datasets`.
        sample: which of ``describe(name).samples``; default the first.

    Raises:
        ConfigError: no data set or sample of that name.
        DataError: this installation lacks the file.

    Example:
        >>> bundled("toptag").name
        'toptag_sample.root'
        >>> bundled("tracks", "event_pu200.root").name
        'event_pu200.root'
    """
    dataset = describe(name)
    file = dataset.sample if sample is None else sample
    if file not in dataset.samples:
        raise ConfigError(
            f"{name!r} ships no sample {file!r}",
            remedy=f"choose one of: {', '.join(dataset.samples)}",
        )
    package = Path(__file__).resolve().parent
    candidates = [
        root / name / file for root in (package / "_bundled", package.parent / "datasets")
    ]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise DataError(
        f"the bundled sample of {name!r} is not in this installation",
        file=candidates[0],
        remedy="reinstall pcgnn from a wheel or a complete checkout",
    )


def verify(name: str, sample: str | None = None) -> Path:
    """Check a bundled sample against the sha256 that stands beside it.

    Args:
        name: a name from :func:`list_datasets`.
        sample: which of ``describe(name).samples``; default the first.

    Returns:
        The path of the sample.

    Raises:
        ConfigError: no data set or sample of that name.
        DataError: the sample, or its checksum, is missing or not what was published.
    """
    path = bundled(name, sample)
    sums = path.with_name("SHA256SUMS")
    if not sums.is_file():
        raise DataError("no checksum beside the sample", file=sums, remedy="reinstall pcgnn")
    lines = [line.split(maxsplit=1) for line in sums.read_text().splitlines() if line.strip()]
    expected = {line[-1].lstrip("*"): line[0] for line in lines}
    found = _digest(path, "sha256")
    if found != expected.get(path.name):
        raise DataError(
            f"sha256 {found} is not the published {expected.get(path.name)}",
            file=path,
            remedy="reinstall pcgnn, or run the script beside the file",
        )
    return path


def download(
    name: str,
    folder: str | os.PathLike[str] | None = None,
    *,
    files: Sequence[str] | None = None,
    mirror: str | None = None,
    progress: bool = True,
) -> list[Path]:
    """Fetch the published files of a data set.

    A file that is already complete is only checked. A broken transfer leaves ``<file>.part``;
    the next call goes on from there if the server allows it. The file appears under its own
    name only after its md5 agreed with the published one.

    Args:
        name: a name from :func:`list_datasets`.
        folder: where to put the files; default: ``$PCGNN_DATA/<name>``, else the user's cache.
        files: only these of the published files, such as ``["test.h5"]``; default all.
        mirror: address of a folder holding the same files, instead of the published one.
        progress: show a progress bar.

    Returns:
        The paths, in the order of the published list (or of ``files``).

    Raises:
        ConfigError: unknown data set or file name, a data set that has no published files,
            mirror that is no web address.
        DownloadError: no network, no such file on the server, not enough disk, wrong checksum.

    Example:
        >>> download("toptag", "data", files=["test.h5"])  # doctest: +SKIP
        [PosixPath('data/test.h5')]
    """
    published = {file.name: file for file in describe(name).files}
    if not published:
        raise ConfigError(
            f"{name!r} has no published files, it ships with pcgnn",
            remedy=f"use pcgnn.datasets.bundled({name!r})",
        )
    wanted = list(published) if files is None else list(files)
    for unknown in sorted(set(wanted) - set(published)):
        raise ConfigError(
            f"{name!r} has no file {unknown!r}", remedy=f"choose from: {', '.join(published)}"
        )
    if mirror is not None and not mirror.startswith(("https://", "http://")):
        raise ConfigError(
            f"the mirror {mirror!r} is no web address", remedy="give http(s)://host/folder"
        )
    target = _data_folder(name) if folder is None else Path(folder).expanduser()
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(
            f"cannot make the folder: {error.strerror}", file=target, remedy="choose another"
        ) from error
    return [_fetch(published[file], target, mirror, progress) for file in wanted]


def _data_folder(name: str) -> Path:
    import pooch

    root = os.environ.get("PCGNN_DATA")
    return (Path(root).expanduser() if root else Path(pooch.os_cache("pcgnn"))) / name


def _fetch(file: RemoteFile, folder: Path, mirror: str | None, progress: bool) -> Path:
    import pooch

    path = folder / file.name
    url = f"{(mirror or file.base_url).rstrip('/')}/{file.name}"
    if path.exists():
        if path.is_file() and _digest(path, "md5") == file.md5:
            return path
        raise DownloadError(
            "something else stands where the file should go",
            file=path,
            remedy="move it away or choose another folder",
        )
    part = path.with_name(file.name + ".part")
    missing = file.size - (part.stat().st_size if part.exists() else 0)
    free = shutil.disk_usage(folder).free
    if free < missing:
        raise DownloadError(
            f"{missing / 1e9:.2f} GB are needed, {free / 1e9:.2f} GB are free",
            file=path,
            remedy="free some space or choose another folder",
        )
    try:
        with _quiet_pooch():
            pooch.retrieve(
                url,
                known_hash=f"md5:{file.md5}",
                fname=file.name,
                path=folder,
                downloader=ResumingDownloader(part, file.size, progress),
            )
    except urllib.error.HTTPError as error:
        raise DownloadError(
            f"the server answered {error.code} {error.reason} for {url}",
            file=path,
            remedy="see whether the record is reachable in a browser, or name a mirror",
        ) from error
    except ValueError as error:  # pooch says so of a wrong md5, having removed what it fetched
        raise DownloadError(
            f"what {url} sent does not have the published md5 {file.md5}",
            file=path,
            remedy="run the same command again; if it persists the server's file was changed",
        ) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error or type(error).__name__
        raise DownloadError(
            f"cannot fetch {url}: {reason}",
            file=path,
            remedy="check the network and run the same command again"
            + (f"; it goes on from {part.name}" if part.exists() else ""),
        ) from error
    return path


@contextmanager
def _quiet_pooch() -> Iterator[None]:
    """Pooch announces each file in its log; the progress bar says that already."""
    import pooch

    logger: logging.Logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _digest(path: Path, algorithm: str) -> str:
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
