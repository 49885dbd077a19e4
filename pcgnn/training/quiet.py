"""Lightning without banners and without warnings that do not apply here."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet_lightning"]

# Each pattern names one message; everything else comes through.
_BANNERS = (
    r"GPU available: ",
    r"TPU available: ",
    r"IPU available: ",
    r"HPU available: ",
    r"`Trainer\.fit` stopped: `max_epochs=\d+` reached",
    r"Restoring states from the checkpoint path at ",
    r"Restored all states from the checkpoint at ",
    r"Loaded model weights from the checkpoint at ",
    r"Restored all states from ",
    r"Tip: For seamless ",
    r"💡 Tip:",
    r"Loading `train_dataloader` to estimate number of stepping batches",
    r"Seed set to \d+",
    r"Using bfloat16 Automatic Mixed Precision",
    r"Using 16bit Automatic Mixed Precision",
    r"Initializing distributed: GLOBAL_RANK",
    r"-+\ndistributed_backend=",
    r"\n?-{20}",
    r"`weights_only` was not set, defaulting to `False`",
    r"You are using a CUDA device .* Tensor Cores",
)
_WARNINGS = (
    # Batches are gathered from memory; worker processes would only copy.
    r".*does not have many workers which may be a bottleneck",
    # Streams know their length only after the cut.
    r".*Your `IterableDataset` has `__len__` defined",
    r".*GPU available but not used",
    # Validation needs the weights, not the callbacks of the training.
    r"Be aware that when using `ckpt_path`, callbacks used to create the checkpoint",
    # A training without validation part gives an empty list of its loaders.
    r"Total length of `list` across ranks is zero",
    # The task plans its loss while a batch is on the host; our data modules leave batches alone.
    r"You have overridden `on_before_batch_transfer` in `LightningModule` but have passed in a",
    # Lightning's own code calls this; nobody outside can do anything about it.
    r"\s*By default only one JsonargparseDeprecationWarning per type is shown",
    r"\s*``instantiate_classes`` was deprecated in v4\.49",
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
    # The directory of a resumed run is not empty on purpose.
    r".*Checkpoint directory .* exists and is not empty",
    r".*Experiment logs directory .* exists and is not empty",
    r".*You are trying to `self\.log\(\)` but the `self\.trainer` reference is not registered",
)
_LOGGERS = ("lightning.pytorch", "lightning.fabric", "lightning")


class _BannerFilter(logging.Filter):
    pattern = re.compile("|".join(f"(?:{banner})" for banner in _BANNERS))

    def filter(self, record: logging.LogRecord) -> bool:
        return self.pattern.match(record.getMessage()) is None


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Drops a fixed list of messages of Lightning while the body runs."""
    wanted = [
        name
        for name in logging.root.manager.loggerDict
        if name.startswith(_LOGGERS)
        and isinstance(logging.root.manager.loggerDict[name], logging.Logger)
    ]
    banner_filter = _BannerFilter()
    for name in wanted:
        logging.getLogger(name).addFilter(banner_filter)
    try:
        with warnings.catch_warnings():
            for message in _WARNINGS:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        for name in wanted:
            logging.getLogger(name).removeFilter(banner_filter)
