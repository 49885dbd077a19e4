"""Configurations: found by name, read as plain YAML, looked through, made ready."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from pcgnn.cli.safety import check_classes
from pcgnn.errors import ConfigError

__all__ = ["CONFIG_FOLDER", "find_config", "list_configs", "load_config", "merge"]

CONFIG_FOLDER = Path(__file__).resolve().parent.parent / "configs"


def list_configs() -> list[str]:
    """Names of the configurations that come with pcgnn.

    Example:
        >>> "toptag/particlenet-lite" in list_configs()
        True
    """
    found = CONFIG_FOLDER.rglob("*.yaml")
    return sorted(path.relative_to(CONFIG_FOLDER).with_suffix("").as_posix() for path in found)


def find_config(name: str) -> Path:
    """The file of a configuration: a path, or the name of one that comes with pcgnn.

    Raises:
        ConfigError: if there is neither.
    """
    path = Path(name)
    if path.is_file():
        return path
    names = list_configs()
    plain = name.removesuffix(".yaml").removesuffix(".yml")
    if plain in names:
        return CONFIG_FOLDER / f"{plain}.yaml"
    close = difflib.get_close_matches(plain, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"give a file or one of {names}"
    raise ConfigError("there is no such configuration", file=name, remedy=hint)


def load_config(name: str, trust: Collection[str] = ()) -> dict[str, Any]:
    """Reads a configuration and looks through the classes it names.

    YAML tags that would make Python objects are refused, and no class is imported here.

    Raises:
        ConfigError: if it is missing, no YAML, or names classes that are not trusted.
    """
    path = find_config(name)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the configuration cannot be read: {error}", file=path) from error
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise ConfigError(f"the configuration is no plain YAML: {problem}", file=path) from error
    except RecursionError as error:
        raise ConfigError("the configuration is nested too deeply", file=path) from error
    if not isinstance(content, Mapping):
        raise ConfigError("the configuration is not a mapping of sections", file=path)
    _check_finite_depth(content, path)
    check_classes(content, trust, path)
    for section in ("model", "data", "trainer", "run"):
        if section in content and not isinstance(content[section], Mapping):
            raise ConfigError(f"the section {section!r} is not a mapping", file=path)
    return {key: _resolve_bundled(value) for key, value in content.items()}


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """The first mapping with the entries of the second put over it, section by section.

    Example:
        >>> merge({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}})
        {'a': {'b': 3, 'c': 2}}
    """
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            same = old.get("class_path", None) == value.get("class_path", old.get("class_path"))
            result[key] = merge(old, value) if same else dict(value)
        else:
            result[key] = value
    return result


def _check_finite_depth(value: Any, path: Path, seen: frozenset[int] = frozenset()) -> None:
    # YAML anchors can make a structure that contains itself.
    if not isinstance(value, (Mapping, list)):
        return
    if id(value) in seen or len(seen) > 50:
        raise ConfigError("the configuration contains itself or is nested too deeply", file=path)
    items = value.values() if isinstance(value, Mapping) else value
    for item in items:
        _check_finite_depth(item, path, seen | {id(value)})


def _resolve_bundled(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _resolve_bundled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolve_bundled(item) for item in value]
    if isinstance(value, str) and value.startswith("bundled:"):
        from pcgnn.datasets import bundled

        return str(bundled(value.removeprefix("bundled:")))
    return value
