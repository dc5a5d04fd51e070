"""Options described once: in Python's docstrings, on the command line, in the service."""

from __future__ import annotations

import argparse
from dataclasses import fields

import pytest

from mien.cli.arguments import add_options, options_of
from mien.cli.main import make_parser
from mien.errors import InputError
from mien.live.options import LiveOptions
from mien.options import clock_seconds, help_of, make_options, positive
from mien.video.options import AnalysisOptions, Sampling

PYTHON_ONLY = {"first_track", "window"}
"""Options that the command line has under other names, or not at all."""


def help_texts(command: str) -> dict[str, str]:
    (commands,) = (action for action in make_parser()._actions if isinstance(action.choices, dict))
    assert isinstance(commands.choices, dict)
    return {action.dest: str(action.help) for action in commands.choices[command]._actions}


@pytest.mark.parametrize(("command", "cls"), [("video", AnalysisOptions), ("live", LiveOptions)])
def test_the_command_line_has_the_descriptions_of_the_fields(command: str, cls: type) -> None:
    texts = help_texts(command)
    for field in fields(cls):
        if field.name not in PYTHON_ONLY:
            assert texts[field.name].startswith(field.metadata["help"]), field.name


@pytest.mark.parametrize("cls", [Sampling, AnalysisOptions, LiveOptions])
def test_the_docstring_describes_every_field(cls: type) -> None:
    assert cls.__doc__ is not None
    for field in fields(cls):
        assert f"    {field.name}: {field.metadata['help']}." in cls.__doc__


def test_the_service_has_the_description_of_the_field() -> None:
    pytest.importorskip("fastapi")
    from mien.serve.app import create_app
    from mien.serve.settings import ServiceSettings

    parameters = create_app(ServiceSettings()).openapi()["paths"]["/v1/videos"]["post"]["parameters"]
    (every,) = (each for each in parameters if each["name"] == "every")
    assert every["description"] == help_of(AnalysisOptions, "every")


@pytest.mark.parametrize("function", ["track", "record", "predict_realtime"])
def test_an_unknown_option_is_an_error_with_the_nearest_name(function: str) -> None:
    from mien import EmotionRecognizer

    recognizer = EmotionRecognizer(detector="whole")
    with pytest.raises(InputError, match=rf"{function}: no option 'smoothign'; did you mean 'smoothing'"):
        getattr(recognizer, function)("a.mp4", smoothign=1)


@pytest.mark.parametrize(
    "wrong",
    [{"every": 0}, {"fps": 0}, {"start": -1}, {"end": 0}, {"detect_every": 0}, {"smoothing": -1}, {"max_gap": -1}],
    ids=str,
)
def test_values_out_of_range_are_errors_that_name_the_option(wrong: dict[str, float]) -> None:
    (name,) = wrong
    with pytest.raises(InputError, match=f"{name}: expected"):
        make_options(AnalysisOptions, wrong, "track")


def test_arguments_become_options() -> None:
    parser = argparse.ArgumentParser()
    names = [field.name for field in fields(AnalysisOptions)]
    add_options(parser, AnalysisOptions, names)
    words = [
        "--every",
        "2",
        "--fps",
        "5",
        "--start",
        "1:30",
        "--end",
        "2:00",
        "--detect-every",
        "3",
        "--realtime",
        "--smoothing",
        "0",
        "--max-gap",
        "1",
    ]
    parsed = options_of(parser.parse_args(words), AnalysisOptions, names)
    assert parsed == AnalysisOptions(2, 5.0, 90.0, 120.0, 3, True, 0.0, max_gap=1.0)
    assert options_of(parser.parse_args([]), AnalysisOptions, names) == AnalysisOptions()


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90.5", 90.5), ("1:30", 90), ("1:02:03.5", 3723.5)])
def test_times(text: str, seconds: float) -> None:
    assert clock_seconds(text) == seconds


@pytest.mark.parametrize(
    ("read", "text"), [(clock_seconds, "1:2:3:4"), (clock_seconds, "-1"), (positive, "0"), (positive, "x")]
)
def test_texts_that_are_none_say_what_was_expected(read: object, text: str) -> None:
    with pytest.raises(ValueError, match=f"expected .*, got {text}"):
        read(text)  # type: ignore[operator]
