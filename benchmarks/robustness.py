"""FER2013-C: the released bundles on PublicTest spoilt in ten ways and five strengths, and what augmentation helps.

    python -m benchmarks robustness --data fer2013.csv --votes fer2013new.csv --usual RUN --spoilt RUN

Two runs of one short recipe show the augmentation (docs/model-card.md says which). Writes `results/robustness.json` and
the tables in docs/model-card.md; `mien robustness` does the same for any model, and draws.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.coverage import SPLIT
from benchmarks.machine import describe, write_results
from benchmarks.options import parser
from benchmarks.page import write_table
from mien.bundle import released
from mien.datasets import load_data
from mien.evaluation.corruptions import CORRUPTIONS, LEVELS
from mien.evaluation.robustness import measure_robustness
from mien.pipeline_options import DEFAULT_MODEL
from mien.runs import open_model_source

SEEN = "ferplus, plurality of eight"


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--usual", type=Path, required=True, help="a run with the usual augmentation")
    words.add_argument("--spoilt", type=Path, required=True, help="the same with coarse, blur, dark and noise")
    options = words.parse_args()
    dataset = load_data([options.data], options.votes, set_aside=False)
    sources = {name: name for name in released()} | {"usual": options.usual, "spoilt": options.spoilt}
    measured = {}
    for name, source in sources.items():
        measured[name] = measure_robustness(open_model_source(source).bundle, dataset, SPLIT)
        print(f"{name}: {measured[name].mean('fer2013'):.3f}, {measured[name].mean(SEEN):.3f}", flush=True)
    models = {name: each.to_dict() for name, each in measured.items()}
    write_results("robustness", {"machine": describe(), "models": models})

    default = measured[DEFAULT_MODEL]
    rows = [["as they are", "", *[""] * len(LEVELS), f"{default.clean[SEEN]['accuracy']:.1%}"]]
    for name, corruption in CORRUPTIONS.items():
        values = default.corrupted[SEEN]["accuracy"][name]
        strengths = ", ".join(f"{strength:g}" for strength in corruption.strengths)
        cells = [f"{value:.1%}" for value in values]
        rows.append([name, f"{corruption.unit}: {strengths}", *cells, f"{default.mean(SEEN, name):.1%}"])
    levels = [f"level {level}" for level in LEVELS]
    write_table("robustness", ["", "strengths", *levels, "mean"], rows, "model-card")

    names = list(measured)
    rows = [["as they are", *(f"{measured[name].clean[SEEN]['accuracy']:.1%}" for name in names)]]
    rows += [[each, *(f"{measured[name].mean(SEEN, each):.1%}" for name in names)] for each in CORRUPTIONS]
    rows.append(["all corruptions", *(f"{measured[name].mean(SEEN):.1%}" for name in names)])
    rows.append(["all, FER2013's label", *(f"{measured[name].mean('fer2013'):.1%}" for name in names)])
    write_table("robustness.means", ["", *names], rows, "model-card")


if __name__ == "__main__":
    main()
