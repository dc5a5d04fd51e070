"""`mien report`: write a page with the figures of a model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mien.cli.arguments import add_data, read_data
from mien.cli.exit_codes import OK
from mien.progress import stage_bar


def add(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser(
        "report", help="write a page with the figures of a model (extra: report)", description=_report.__doc__
    )
    parser.add_argument("model", metavar="RUN_OR_BUNDLE", help="a run's folder, a bundle's file or a released name")
    add_data(parser)
    parser.add_argument("--split", help="default: PublicTest, or else Test, Validation or Training")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the page (default: report in the run, or NAME-report here)"
    )
    parser.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> int:
    """Write one self-contained HTML page with the figures of a model, and each figure as PNG.

    Figures: training curves, scores per class, confusion, precision-recall and ROC, calibration, risk and coverage,
    mistakes, uncertain and sample faces, the network, and attribution maps. Grad-CAM and attention need a run and the
    extra train; for a bundle alone occlusion maps are drawn.
    """
    from mien.datasets import default_split
    from mien.report import write_report  # first, since the extra may be missing
    from mien.runs import open_model_source
    from mien.voice.bundle import voice_bundle

    if voice := voice_bundle(options.model):
        return _report_voices(voice, options)
    dataset = read_data(options, open_model_source(options.model).bundle.heads, set_aside=False)
    split = options.split or default_split(dataset)
    with stage_bar() as stage:
        page = write_report(options.model, dataset, options.out, split, progress=stage)
    print(f"wrote {page}")
    return OK


def _report_voices(path: Path, options: argparse.Namespace) -> int:
    """Write the page about a voice bundle on clips; with the training curves if it lies in its run's folder."""
    from mien.datasets.voices import join_voices, load_voices
    from mien.report.voices import write_voice_report
    from mien.voice.bundle import VoiceBundle

    bundle = VoiceBundle.load(path)
    clips = [load_voices(source, votes=options.votes, rate=bundle.metadata.rate) for source in options.data]
    run = path.parent if (path.parent / "history.csv").is_file() else None
    out = options.out or (Path(f"{bundle.name}-report") if run is None else run / "report")
    with stage_bar() as stage:
        page = write_voice_report(
            bundle,
            clips[0] if len(clips) == 1 else join_voices(clips),
            out,
            history=None if run is None else run / "history.csv",
            progress=stage,
        )
    print(f"wrote {page}")
    return OK
