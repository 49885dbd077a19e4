"""Configurations from elsewhere: nothing outside the trusted packages is imported or run."""

from __future__ import annotations

import copy
import sys

import pytest
import yaml

from pcgnn.cli import main
from pcgnn.cli.configs import list_configs, load_config, merge
from pcgnn.cli.safety import check_classes
from pcgnn.cli.train import check_overrides, split_words
from pcgnn.errors import ConfigError

GOOD = {
    "seed_everything": 1,
    "model": {
        "class_path": "pcgnn.training.ClassificationTask",
        "init_args": {"name": "particlenet-lite", "lr": 1e-3},
    },
    "data": {
        "class_path": "pcgnn.training.FileData",
        "init_args": {"files": "my.data.root", "target": "is_top", "split": [0.8, 0.2]},
    },
    "trainer": {"max_epochs": 1, "default_root_dir": "some.folder"},
    "run": {"directory": "runs.first"},
}


def put(path: str, value):
    config = copy.deepcopy(GOOD)
    *parents, last = path.split("/")
    place = config
    for name in parents:
        place = place.setdefault(name, {})
    place[last] = value
    return config


def test_the_good_configuration_is_accepted():
    check_classes(GOOD)


HOSTILE = {
    "os.system as model": put("model", {"class_path": "os.system", "init_args": {"command": "x"}}),
    "os.system as text": put("model", "os.system"),
    "builtins.eval": put("model/init_args/network", {"class_path": "builtins.eval"}),
    "network as text": put("model/init_args/network", "subprocess.Popen"),
    "subprocess.Popen": put("trainer/logger", {"class_path": "subprocess.Popen"}),
    "callback as text": put("trainer/callbacks", ["shutil.rmtree"]),
    "strategy": put("trainer/strategy", "evil_module.Strategy"),
    "plugin": put("trainer/plugins", [{"class_path": "evil_module.Plugin"}]),
    "profiler": put("trainer/profiler", "evil_module.Profiler"),
    "data": put("data", {"class_path": "evil_module.Data"}),
    "deep in data": put("data/init_args/files", [{"class_path": "evil_module.X"}]),
    "in dict_kwargs": put("model/dict_kwargs", {"x": {"class_path": "evil_module.X"}}),
    "looks like pcgnn": put("model/class_path", "pcgnn_evil.Task"),
    "looks like torch": put("model/class_path", "torchx.Task"),
    "dunder": put("model/class_path", "pcgnn.training.__builtins__.eval"),
    "call": put("model/class_path", "__import__('os').system"),
    "with spaces": put("model/class_path", "os.system "),
    "number": put("model/class_path", 3),
    "list": put("model/class_path", ["os.system"]),
    "null byte": put("model/class_path", "os\x00.system"),
    "unicode": put("model/class_path", "\u043es.system"),
    "other configuration": put("model/init_args/network", "other.yaml"),
    "other configuration by address": put("trainer/logger", "http://example.org/x.yaml"),
    "configuration key": put("config", "other.yaml"),
    "dotted key": put("model.init_args.network", "os.system"),
    "dotted key inside": put("trainer/callbacks.class_path", "os.system"),
    "class in run": put("run/directory", {"class_path": "os.system"}),
}


@pytest.mark.parametrize("config", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("command", ["fit", "predict"])
def test_hostile_configurations(config, command, tmp_path, capsys):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True))
    loaded = set(sys.modules)
    with pytest.raises(ConfigError):
        load_config(str(path))
    assert "evil_module" not in set(sys.modules) - loaded
    words = [command, "-c", str(path)]
    if command == "predict":
        words += ["--output", str(tmp_path / "scored.root")]
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("pcgnn: error: ")
    assert "Traceback" not in captured.err
    assert [p.name for p in tmp_path.iterdir()] == ["config.yaml"]


TAGS = [
    "model: !!python/object/apply:os.mkdir [executed]",
    "model: !!python/object/new:os.mkdir [executed]",
    "model: !!python/name:os.system",
    "model: !!python/module:evil_module",
    "model: !!python/object:evil_module.X {}",
    "model: !unknown {}",
    "a: &a [*a]",
    "model: {",
    "just text",
    "- a\n- list",
    "",
    "model: 3",
    "\x00",
]


@pytest.mark.parametrize("text", TAGS)
def test_yaml_makes_no_objects(text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(text)
    assert main(["fit", "-c", "config.yaml"]) == 2
    assert capsys.readouterr().err.startswith("pcgnn: error: ")
    assert not (tmp_path / "executed").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["config.yaml"]


def test_trusted_packages_are_named_by_the_user():
    config = put("data", {"class_path": "mypackage.data.Data"})
    with pytest.raises(ConfigError, match="--trust mypackage"):
        check_classes(config)
    check_classes(config, ["mypackage"])
    with pytest.raises(ConfigError, match="name of a package"):
        split_words(["--trust", "my package"])


@pytest.mark.parametrize(
    "words",
    [
        ["--model", "os.system"],
        ["--model=os.system"],
        ["--model.class_path", "os.system"],
        ["--model.init_args.network=subprocess.Popen"],
        ["--trainer.callbacks+=evil_module.X"],
        ["--trainer.callbacks", "[{class_path: evil_module.X}]"],
        ["--data", "evil_module.Data"],
        ["--data.class_path", "evil_module.Data"],
        ["--data.files", "{class_path: evil_module.Data}"],
        ["--trainer.strategy", "evil_module.S"],
        ["--trainer", "other.yaml"],
    ],
)
def test_options_follow_the_same_rules(words):
    with pytest.raises(ConfigError):
        check_overrides(words, [])


def test_harmless_options_pass():
    check_overrides(
        ["--data.files", "my.data.root", "--model.lr=1e-3", "--trainer.max_epochs", "3"], []
    )
    check_overrides(["--run.directory", "runs.v1", "--help"], [])


def test_shipped_configurations_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert list_configs() == [
        "analysis/affine-pnn",
        "analysis/asimov",
        "regression/dense-constituents",
        "regression/particlenet-lite",
        "toptag/particlenet",
        "toptag/particlenet-lite",
        "tracking/condensation",
        "tracking/interaction-network",
        "tracking/toy",
    ]
    for name in list_configs():
        config = load_config(name)
        check_classes(config)
        if name == "tracking/toy":  # its events are the user's to make
            assert config["data"]["init_args"]["files"] == "toy.root"
            continue
        if name.startswith("tracking/"):
            assert config["data"]["init_args"]["files"].endswith("pixels_pt05.root")
            continue
        if name.startswith("analysis/"):
            assert config["data"]["init_args"]["files"].endswith(("resonance.root", "stop.root"))
            continue
        if name.startswith("regression/"):
            assert config["data"]["init_args"]["files"].endswith("softdrop.root")
            continue
        arguments = config["model"]["init_args"]
        assert (arguments["lr"], arguments["weight_decay"]) == (3e-3, 1e-2)
        assert config["data"]["init_args"]["batch_size"] == 128
        assert config["data"]["init_args"]["files"].endswith("toptag_sample.root")
    assert load_config("toptag/particlenet")["trainer"]["max_epochs"] == 14
    assert load_config("toptag/particlenet-lite.yaml")["trainer"]["max_epochs"] == 20


def test_misspelt_configuration(capsys):
    assert main(["fit", "-c", "toptag/particlenet-light"]) == 2
    assert "did you mean 'toptag/particlenet-lite'" in capsys.readouterr().err


def test_later_configurations_go_over_earlier_ones():
    over = {"trainer": {"max_epochs": 7}, "data": {"class_path": "pcgnn.Other"}}
    merged = merge(GOOD, over)
    assert merged["trainer"] == {"max_epochs": 7, "default_root_dir": "some.folder"}
    # Arguments of one class are not passed on to another.
    assert merged["data"] == {"class_path": "pcgnn.Other"}
    assert merged["model"] == GOOD["model"]


@pytest.mark.parametrize("name", ["more", "more.txt", "folder/more"])
@pytest.mark.parametrize("way", ["absolute", "relative"])
def test_a_text_that_names_a_file_is_refused(tmp_path, monkeypatch, name, way) -> None:
    """Whatever it is called: the parser would read it as a part of the configuration."""
    monkeypatch.chdir(tmp_path)
    hidden = tmp_path / name
    hidden.parent.mkdir(exist_ok=True)
    hidden.write_text("class_path: this.Zen\n")
    text = str(hidden) if way == "absolute" else name
    for section in ({"trainer": {"logger": text}}, {"model": {"init_args": {"network": text}}}):
        with pytest.raises(ConfigError, match="would be read as configuration"):
            check_classes(section)
