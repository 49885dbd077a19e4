"""Lightning's command line with the run directory, resumption and messages of pcgnn."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from pcgnn.cli.hit_reports import (
    is_hit_graphs,
    keep_best_threshold,
    test_text,
    validation_text,
)
from pcgnn.errors import CheckpointError, ConfigError, PcgnnError
from pcgnn.training import AtomicCheckpointIO, FitResult, RunOptions
from pcgnn.training.callbacks.run_checkpoint import BEST
from pcgnn.training.checkpoint_content import check_content
from pcgnn.training.checkpoint_io import read_checkpoint
from pcgnn.training.fingerprint import check_resumable, data_fingerprint
from pcgnn.training.fitting import fit_result, run_fit
from pcgnn.training.plain import to_plain
from pcgnn.training.run import CONFIG, RunDirectory, open_run, run_callbacks, run_loggers
from pcgnn.training.target_checks import check_kind

__all__ = ["PcgnnCLI"]


class PcgnnCLI(LightningCLI):
    """``fit``, ``validate`` and ``test`` from a configuration.

    Over Lightning's own command line it adds the section ``run`` (see
    :class:`pcgnn.training.RunOptions`) and ``--tune_allocator``; makes the run directory,
    callbacks and checkpoints of :func:`pcgnn.fit`; and turns mistakes into messages.
    """

    result: FitResult

    @classmethod
    def run(cls, words: list[str], config: Mapping[str, Any]) -> PcgnnCLI:
        """Runs one command.

        Args:
            words: the command and its options.
            config: the checked configuration, stored with the run.

        Raises:
            ConfigError: if Lightning refuses an option.
        """
        from jsonargparse import ArgumentError, set_parsing_settings

        set_parsing_settings(config_read_mode_fsspec_enabled=False)
        kept = {"exit_on_error": False}
        commands = ("fit", "validate", "test")
        try:
            return cls(
                LightningModule,
                LightningDataModule,
                subclass_mode_model=True,
                subclass_mode_data=True,
                save_config_callback=None,
                seed_everything_default=0,
                auto_configure_optimizers=False,
                load_from_checkpoint_support=False,
                trainer_defaults={
                    "logger": False,
                    "enable_model_summary": False,
                    "num_sanity_val_steps": 0,
                    "use_distributed_sampler": False,
                    "log_every_n_steps": 1,
                },
                parser_kwargs=kept | {command: dict(kept) for command in commands},
                args=words,
            )
        except ArgumentError as error:
            raise ConfigError(
                f"the options do not fit: {_reason(str(error))}",
                remedy=f"pcgnn {words[0]} --help lists them",
            ) from error

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """The commands and the arguments that are not options."""
        return {
            "fit": {"model", "train_dataloaders", "val_dataloaders", "datamodule", "weights_only"},
            "validate": {"model", "dataloaders", "datamodule", "weights_only"},
            "test": {"model", "dataloaders", "datamodule", "weights_only"},
        }

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Adds the section ``run`` and the switch for the allocator."""
        parser.add_class_arguments(RunOptions, "run")
        parser.add_argument(
            "--tune_allocator",
            type=bool,
            default=True,
            help="let glibc keep freed memory (Linux, CPU): up to twice as fast",
        )
        parser.add_argument(
            "--efficiency",
            type=float | None,
            default=None,
            help="edges of hit graphs: share of the true edges in the graphs of the validation "
            "part that the threshold keeps, 0.98 if not given; fit writes the threshold into "
            "best.ckpt, and test takes it from there unless this is given",
        )
        parser.add_argument(
            "--method",
            type=str,
            default="components",
            help="edges of hit graphs: how test builds tracks, components or walkthrough",
        )

    def _parse_ckpt_path(self) -> None:
        # Lightning would take arguments of the model from the file; ours come from elsewhere.
        return

    def before_instantiate_classes(self) -> None:
        """Prepares the process and looks at what is used only after the training."""
        self.efficiency: float | None = self._get(self.config, "efficiency")
        if self.efficiency is not None and not 0 < self.efficiency <= 1:
            raise ConfigError(
                f"efficiency = {self.efficiency} must be above 0 and at most 1",
                remedy="give the wanted share of the true edges, e.g. 0.98",
            )
        if self._get(self.config, "tune_allocator"):
            from pcgnn.ops import tune_allocator

            tune_allocator()

    def instantiate_classes(self) -> None:
        """Makes the objects; a mistake found by one of ours keeps its own message."""
        try:
            super().instantiate_classes()
        except (ValueError, TypeError) as error:
            ours = _ours(error)
            raise ours or ConfigError(f"the options do not fit: {_reason(str(error))}") from error

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Makes the trainer with the callbacks of a run."""
        settings = {**self._get(self.config_init, "trainer", default={}), **kwargs}
        given = settings.pop("callbacks", None) or []
        callbacks = list(given) if isinstance(given, (list, tuple)) else [given]
        plugins = settings.pop("plugins", None) or []
        settings["plugins"] = [
            *(plugins if isinstance(plugins, (list, tuple)) else [plugins]),
            AtomicCheckpointIO(),
        ]
        self.options = RunOptions(**_as_dict(self._get(self.config_init, "run")))
        if self.subcommand != "fit":
            settings |= {"enable_checkpointing": False, "enable_progress_bar": False}
            return self._made(settings, callbacks)
        epochs = settings.get("max_epochs")
        if not epochs or epochs < 1:
            raise ConfigError(
                "the number of epochs is not given", remedy="set trainer.max_epochs in the config"
            )
        self.record = self._record()
        self.run_directory = open_run(self.options, self._model_name())
        step = 0
        if self.run_directory.checkpoint is not None:
            found = check_resumable(self.run_directory.checkpoint, self.record)
            step = int(found["global_step"])
        callbacks += run_callbacks(
            self.options,
            self.run_directory,
            schedule=self.model.schedule,
            epochs=epochs,
            seed=int(self._get(self.config, "seed_everything") or 0),
            validated=self.datamodule.val is not None,
        )
        settings["enable_progress_bar"] = self.options.progress
        settings["default_root_dir"] = str(self.run_directory.path)
        if not settings.get("logger"):
            settings["logger"] = run_loggers(self.options, self.run_directory, step)
        return self._made(settings, callbacks)

    def _made(self, settings: dict[str, Any], callbacks: list[Any]) -> Trainer:
        from lightning.fabric.utilities.exceptions import MisconfigurationException

        try:
            return Trainer(**settings, callbacks=callbacks)
        except (MisconfigurationException, ValueError, TypeError) as error:
            raise ConfigError(f"trainer: {' '.join(str(error).split())}") from error

    def _model_name(self) -> str:
        pending = getattr(self.model, "_pending", None)
        name = pending[0] if pending else getattr(self.model.network, "name", None)
        return name or "model"

    def _record(self) -> dict[str, Any]:
        """What has to be the same when the run is resumed."""
        self.datamodule.load()
        for part in (self.datamodule.train, self.datamodule.val):
            check_kind(self.model, part)  # before a run directory is there
        text = self._parser(self.subcommand).dump(self.config[str(self.subcommand)], format="yaml")
        settings = yaml.safe_load(text)
        for name in ("run", "ckpt_path", "tune_allocator", "data", "efficiency", "method"):
            settings.pop(name, None)
        for name in ("default_root_dir", "enable_progress_bar", "logger"):
            settings.get("trainer", {}).pop(name, None)
        keep = ("monitor", "early_stopping", "early_stopping_start")
        settings["run"] = {name: getattr(self.options, name) for name in keep}
        settings["data"] = {
            name: getattr(self.datamodule, name, None)
            for name in ("batch_size", "group_sizes", "seed")
        }
        data = {
            "train": data_fingerprint(self.datamodule.train),
            "val": data_fingerprint(self.datamodule.val),
        }
        return dict(to_plain({"settings": settings, "data": data}))

    def fit(self, model: Any, datamodule: Any = None, ckpt_path: Any = None, **_: Any) -> None:
        """Trains, or goes on with a training, and keeps config and history figure."""
        if ckpt_path is not None:
            raise ConfigError(
                "fit does not take ckpt_path", remedy="go on with a run by --run.resume true"
            )
        model.record = self.record
        run = self.run_directory
        if self.trainer.is_global_zero:
            text = self._parser("fit").dump(self.config["fit"], format="yaml")
            temporary = run.path / f".{CONFIG}.tmp"
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(run.path / CONFIG)
        run_fit(self.trainer, model, datamodule, run)
        self.result = fit_result(self.trainer, model, run)
        if self.trainer.is_global_zero:
            _draw_history(self.result, run)
            if text := keep_best_threshold(self.result, datamodule.val, self.efficiency):
                print(text)

    def validate(self, model: Any, datamodule: Any = None, ckpt_path: Any = None, **_: Any) -> None:
        """Prints loss, accuracy and AUC of the validation part; of edges a report."""
        path = self._checkpoint(ckpt_path)
        numbers = self.trainer.validate(
            model, datamodule=datamodule, ckpt_path=str(path), verbose=False
        )
        for name, value in numbers[0].items():
            print(f"{name:<14} {value:.5f}")
        if is_hit_graphs(datamodule.val) and model.kind == "edges":
            print()
            print(validation_text(path, datamodule.val, self.efficiency))

    def test(self, model: Any, datamodule: Any = None, ckpt_path: Any = None, **_: Any) -> None:
        """Prints the report of the test part: of jets, of edges and tracks, or of hits."""
        from pcgnn.metrics import label_reports, regression_report, tagging_report
        from pcgnn.training import predict

        path = self._checkpoint(ckpt_path)
        datamodule.load()
        clouds = datamodule.test
        if clouds is None:
            raise ConfigError("there is no test part", remedy="give it in split or test_files")
        if is_hit_graphs(clouds):
            print(f"{path}: {len(clouds)} test graphs")
            print(test_text(path, datamodule, self.efficiency, self._get(self.config, "method")))
            return
        scores: Any = predict(path, clouds, batch_size=datamodule.eval_batch_size)
        print(f"{path}: {len(clouds)} test graphs")
        if model.kind == "particles":
            print(tagging_report(clouds.y, scores.values, classes=clouds.classes or None))
            return
        if model.kind == "regression":
            values = clouds.y.reshape(len(clouds), -1)
            for place, name in enumerate(scores.targets):
                found = scores.values[:, place]
                print(regression_report(values[:, place], found, weight=clouds.weight, name=name))
            return
        if scores.multi_label:
            for name, report in label_reports(clouds.y, scores, weight=clouds.weight).items():
                print(f"\nlabel {name}\n{report}")
            return
        print(tagging_report(clouds.y, scores, weight=clouds.weight))

    def _checkpoint(self, ckpt_path: Any) -> Path:
        if ckpt_path is None:
            if self.options.directory is None:
                raise ConfigError(
                    "no checkpoint is given",
                    remedy="give --ckpt_path FILE or --run.directory of a run",
                )
            ckpt_path = Path(self.options.directory) / BEST
        path = Path(ckpt_path)
        try:
            check_content(read_checkpoint(path), path)
        except CheckpointError as error:
            if not path.is_file():
                raise CheckpointError(
                    "there is no such checkpoint", file=path, remedy="train first: pcgnn fit"
                ) from error
            raise
        return path


def _ours(error: BaseException | None) -> PcgnnError | None:
    """The error of pcgnn that jsonargparse has wrapped into one of its own."""
    while error is not None:
        if isinstance(error, PcgnnError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _reason(text: str) -> str:
    """The part of a message of jsonargparse that names the mistake."""
    text = " ".join(text.split())
    found = re.search(r"Option '[^']*' is not accepted|Key '[^']*' is required", text)
    details = text.partition(" Errors: ")[2].removeprefix("- ")
    reason = found.group() if found else details or text
    key = re.search(r'Parser key "([^"]*)"', text)
    return f"{key.group(1)}: {reason}" if key and key.group(1) not in reason else reason


def _as_dict(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, RunOptions):
        return dict(vars(value))
    return dict(value.as_dict() if hasattr(value, "as_dict") else value)


def _draw_history(result: FitResult, run: RunDirectory) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    from pcgnn import plots

    drawn = plots.history(result.history)
    figure = getattr(drawn, "figure", drawn)
    figure.savefig(run.path / "history.png", dpi=120)
    pyplot.close(figure)
