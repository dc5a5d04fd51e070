"""Options that the Python API, the command line and the service share: each is described once, at its field.

An options class is a frozen dataclass whose fields are made by `option`. `documented` writes the descriptions into the
class's docstring, `mien.cli.arguments.add_options` makes command-line options of the fields, and `help_of` returns a
description for the service. This module imports only the standard library and `mien.errors`, since every `mien` command
imports it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import Field, field, fields
from typing import Any, TypeVar

from mien.errors import InputError, suggest

Options = TypeVar("Options")
Described = TypeVar("Described")


def option(
    default: Any, help: str, *, parse: Callable[[str], Any] = str, metavar: str = "", shown_default: str = ""
) -> Any:
    """Return a dataclass field with its description.

    Args:
        default: the field's default.
        help: what the option does, for users.
        parse: converts its text on the command line; raises ValueError with what was expected.
        metavar: the name of the value on the command line.
        shown_default: a description of the default, if the value itself is not clear.
    """
    metadata = {"help": help, "parse": parse, "metavar": metavar, "shown_default": shown_default}
    return field(default=default, metadata=metadata)


def same_option(cls: type, name: str) -> Any:
    """Return a field with the default and the description of another class's field."""
    found = field_of(cls, name)
    return field(default=found.default, metadata=found.metadata)


def field_of(cls: type, name: str) -> Field[Any]:
    """Return a field of an options class by its name; raise KeyError for an unknown one."""
    return {each.name: each for each in fields(cls)}[name]


def help_of(cls: type, name: str) -> str:
    """Return the description of an option."""
    return str(field_of(cls, name).metadata["help"])


def documented(cls: type[Options]) -> type[Options]:
    """Write the descriptions of the fields into the docstring of an options class."""
    lines = [f"    {_line(each)}" for each in fields(cls)]  # type: ignore[arg-type]
    cls.__doc__ = inspect.cleandoc(cls.__doc__ or "") + "\n\nArgs:\n" + "\n".join(lines)
    return cls


def _line(each: Field[Any]) -> str:
    """Return a field's line in a docstring."""
    default = each.metadata["shown_default"] or repr(each.default)
    return f"{each.name}: {each.metadata['help']}. Default: {default}."


def describe_options(cls: type, *names: str) -> Callable[[type[Described]], type[Described]]:
    """Return a decorator that writes descriptions into a class's docstring, in place of the line "{options}".

    Args:
        cls: the options class that has the descriptions.
        *names: the fields.
    """
    lines = [_line(field_of(cls, name)) for name in names]

    def described(target: type[Described]) -> type[Described]:
        target.__doc__ = inspect.cleandoc(target.__doc__ or "").replace("{options}", "\n    ".join(lines))
        return target

    return described


def make_options(cls: type[Options], values: dict[str, Any], where: str) -> Options:
    """Return an options object of keyword arguments; raise InputError for an unknown name, with the nearest one.

    Args:
        cls: the options class.
        values: the keyword arguments.
        where: the name of the called function, for the message.
    """
    known = [each.name for each in fields(cls)]  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise InputError(f"{where}: no option {name!r}; {suggest(name, known)}")
    return cls(**values)


def positive(text: str) -> int:
    """Read a whole number from 1; raise ValueError otherwise."""
    if not re.fullmatch(r"\s*\+?0*[1-9]\d*\s*", text):
        raise ValueError(f"expected a whole number from 1, got {text}")
    return int(text)


def clock_seconds(text: str) -> float:
    """Read "90", "90.5", "1:30" or "1:02:03.5" as seconds; raise ValueError otherwise."""
    if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d*)?", text.strip()):
        raise ValueError(f"expected a time like 90, 1:30 or 1:02:03.5, got {text}")
    total = 0.0
    for part in text.strip().split(":"):
        total = 60 * total + float(part)
    return total


def number(text: str) -> float:
    """Read a number; raise ValueError otherwise."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"expected a number, got {text}") from None
