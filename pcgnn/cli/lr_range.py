"""``pcgnn lr-range``: the learning-rate range test of a configuration."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pcgnn.cli.options import Parser
from pcgnn.cli.studies import add_study, folder_of, prepare

__all__ = ["lr_range"]


def lr_range(words: Sequence[str]) -> int:
    """``pcgnn lr-range -c CONFIG``."""
    parser = Parser(
        "lr-range",
        "Raise the learning rate of a configuration of pcgnn fit from update to update and look "
        "when the loss stops to fall. Writes lr_range.png and lr_range.json.",
    )
    add_study(parser)
    parser.add_argument("--start", type=float, default=1e-6, help="first rate [%(default)s]")
    parser.add_argument("--end", type=float, default=1.0, help="last rate [%(default)s]")
    parser.add_argument("--updates", type=int, default=200, help="[%(default)s]")
    found, prepared = prepare(parser, words)
    prepared.data.load()  # type: ignore[attr-defined]
    from pcgnn import plots
    from pcgnn.io.atomic import atomic_path
    from pcgnn.training.lr_range import lr_range_test

    train, fit = prepared.data.train, prepared.plan.fit
    task = prepared.plan.make(train, prepared.seed)
    result = lr_range_test(
        task,
        train,
        start=found.start,
        end=found.end,
        updates=found.updates,
        batch_size=fit.get("batch_size"),
        gradient_clip=fit.get("gradient_clip"),
        seed=prepared.seed,
        device=found.device,
    )
    folder = folder_of(found, prepared, "lr-range")
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "suggestion": result.suggestion,
        "steepest": result.steepest,
        "lowest": result.lowest,
        "lr": result.lr.tolist(),
        "loss": result.loss.tolist(),
        "smoothed": result.smoothed.tolist(),
    }
    with atomic_path(folder / "lr_range.json", overwrite=True) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    plots.save(plots.lr_range(result), folder / "lr_range.png", overwrite=True)
    print(result)
    return 0
