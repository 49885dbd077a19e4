"""The command ``pcgnn``: reads the first word, imports what that needs, reports errors cleanly."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from pcgnn.errors import ConfigError, PcgnnError

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "inspect": ("pcgnn.cli.files", "inspect", "show trees, branches, types and sizes of a file"),
    "fit": ("pcgnn.cli.train", "fit", "train a model as a configuration says"),
    "validate": ("pcgnn.cli.train", "validate", "numbers of a trained model, validation part"),
    "test": ("pcgnn.cli.train", "test", "report of a trained model, test part"),
    "predict": ("pcgnn.cli.scores", "predict", "write the scores of a model, or the tracks found"),
    "compare": ("pcgnn.cli.compare", "compare", "train taggers and judge them on the same jets"),
    "cross-validate": (
        "pcgnn.cli.cross_validate",
        "cross_validate",
        "train a configuration k times, scores out of fold",
    ),
    "scan": ("pcgnn.cli.scan", "scan", "find the best values of some parameters"),
    "lr-range": ("pcgnn.cli.lr_range", "lr_range", "learning-rate range test of a configuration"),
    "simulate": ("pcgnn.cli.simulate", "simulate", "simulate jets or tracking events"),
    "convert": ("pcgnn.cli.files", "convert", "ROOT, HDF5 or npz to clouds on disk or to ROOT"),
    "download": ("pcgnn.cli.files", "download", "fetch a public data set"),
    "models": ("pcgnn.cli.files", "models", "list the models"),
    "configs": ("pcgnn.cli.files", "configs", "list the configurations that come with pcgnn"),
    "demo": ("pcgnn.demo", "main", "train and evaluate a tagger on the bundled jets"),
}

USAGE_ERROR = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: the words after ``pcgnn``; those of the process by default.

    Returns:
        the exit code: 0, or 2 after an error, whose message went to stderr.

    Example:
        >>> main(["--version"])  # doctest: +SKIP
        pcgnn 0.1.0
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        return _run(words)
    except PcgnnError as error:
        if debug:
            raise
        print(f"pcgnn: error: {error}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        print("pcgnn: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output (head, less) has gone: nothing is wrong.
        sys.stderr.close()
        return 0


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if words[0] in ("-V", "--version", "version"):
        from pcgnn import __version__

        print(f"pcgnn {__version__}")
        return 0
    command, *rest = words
    if command not in COMMANDS:
        import difflib

        close = difflib.get_close_matches(command, COMMANDS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "pcgnn --help lists the commands"
        raise ConfigError(f"there is no command {command!r}", remedy=hint)
    module, function, _ = COMMANDS[command]
    code = getattr(import_module(module), function)(rest)
    return int(code or 0)


def _help() -> str:
    width = max(len(name) for name in COMMANDS)
    lines = [f"  {name:<{width}}  {text}" for name, (_, _, text) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: pcgnn COMMAND [OPTIONS]",
            "",
            "Graph networks for particle clouds: from a ROOT branch to a rejection factor.",
            "",
            "commands:",
            *lines,
            "",
            "  pcgnn COMMAND --help   options of a command",
            "  pcgnn --version        version",
            "  pcgnn --debug COMMAND  errors with their traceback",
        ]
    )
