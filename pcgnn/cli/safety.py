"""What a configuration may name: looked at before anything is imported.

A configuration decides which classes are made and with which arguments. Were every name allowed,
a file from elsewhere could run any code on this machine. So only classes of pcgnn, torch,
torch_geometric and lightning are accepted, and of packages the user names with ``--trust``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pcgnn.errors import ConfigError

__all__ = ["TRUSTED", "check_classes"]

TRUSTED = frozenset({"pcgnn", "torch", "torch_geometric", "lightning"})

# Below these keys a plain text never is a class: file names, expressions, column names.
_OWN_DATA = (
    "pcgnn.training.FileData",
    "pcgnn.training.root_data.FileData",
    "pcgnn.training.HitData",
    "pcgnn.training.hit_data.HitData",
)
_TEXT_SECTIONS = ("run", "ckpt_path")
_PATH_KEYS = frozenset({"default_root_dir", "dirpath", "filename", "save_dir"})
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+", re.ASCII)
_CONFIG_FILE = re.compile(r".*\.(ya?ml|json|jsonnet|toml)", re.IGNORECASE | re.DOTALL)


def check_classes(
    config: Mapping[str, Any], trust: Collection[str] = (), file: object = None
) -> None:
    """Refuses a configuration that names a class outside the trusted packages.

    Args:
        config: the whole configuration.
        trust: further packages.
        file: named in the message.

    Raises:
        ConfigError: with the key at fault.

    Example:
        >>> check_classes({"model": {"class_path": "pcgnn.training.ClassificationTask"}})
        >>> check_classes({"model": {"class_path": "os.system"}})
        Traceback (most recent call last):
        ...
        pcgnn.errors.ConfigError: ...
    """
    roots = TRUSTED | set(trust)
    for key, value in config.items():
        strict = key not in _TEXT_SECTIONS
        _check_key(str(key), "the configuration", file)
        if key in ("config", "print_config"):
            raise ConfigError(f"a configuration cannot set {key!r}", file=file)
        if key == "data" and isinstance(value, Mapping) and value.get("class_path") in _OWN_DATA:
            strict = False
        _walk(value, (str(key),), strict, roots, file)


def _walk(
    value: Any, path: tuple[str, ...], strict: bool, roots: Collection[str], file: object
) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            name = str(key)
            _check_key(name, ".".join(path), file)
            _walk(item, (*path, name), strict, roots, file)
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        for index, item in enumerate(value):
            _walk(item, (*path[:-1], f"{path[-1]}[{index}]"), strict, roots, file)
    elif path[-1] == "class_path":
        _check_class(value, path, roots, file)
    elif strict and isinstance(value, str) and path[-1] not in _PATH_KEYS:
        if _CONFIG_FILE.fullmatch(value.strip()):
            raise ConfigError(
                f"{'.'.join(path)} points to another configuration, {value!r}",
                file=file,
                remedy="write everything into one configuration, or give -c twice",
            )
        if _names_a_file(value.strip()):
            # The parser would read it as a part of the configuration that nobody looked at.
            raise ConfigError(
                f"{'.'.join(path)} = {value!r} is a file, which would be read as configuration",
                file=file,
                remedy="write everything into one configuration, or give -c twice",
            )
        if _DOTTED.fullmatch(value.strip()):
            _check_class(value.strip(), path, roots, file)


def _names_a_file(text: str) -> bool:
    try:
        return os.path.exists(text) or os.path.exists(os.path.expanduser(text))
    except ValueError:  # a null character
        return False


def _check_key(name: str, where: str, file: object) -> None:
    # jsonargparse reads "a.b: 1" as a: {b: 1}; written so it would escape the rules.
    if "." in name:
        raise ConfigError(
            f"{where} has a key with a dot, {name!r}", file=file, remedy="write nested mappings"
        )


def _check_class(value: Any, path: tuple[str, ...], roots: Collection[str], file: object) -> None:
    where = ".".join(path)
    if not isinstance(value, str):
        raise ConfigError(f"{where} is {value!r}, not the name of a class", file=file)
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", value, re.ASCII):
        raise ConfigError(f"{where} = {value!r} is not the name of a class", file=file)
    parts = value.split(".")
    if any(part.startswith("__") for part in parts):
        raise ConfigError(f"{where} = {value!r} names something internal to Python", file=file)
    # A name without a dot can only be a class that is loaded already and of the right kind.
    if len(parts) > 1 and parts[0] not in roots:
        raise ConfigError(
            f"{where} names {value!r}, which is outside the trusted packages {sorted(roots)}",
            file=file,
            remedy=f"if you trust this package, add --trust {parts[0]}",
        )
