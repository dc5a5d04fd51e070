"""Measures of a made-up participant whose values can be counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mien.errors import DataError, InputError
from mien.labels import FERPLUS, UNCERTAIN
from mien.studies.measures import average, bin_windows, episodes, event_windows, measure
from mien.studies.reading import from_table, one_person, read_table
from mien.video.rows import columns


def rows(emotions: list[str | None], step: float = 0.1, track: int = 1, left: float = 0.0) -> pd.DataFrame:
    """Rows of one track: an emotion for each frame, None where the face was lost."""
    found: list[dict[str, Any]] = []
    for frame, emotion in enumerate(emotions):
        if emotion is not None:
            row: dict[str, Any] = dict.fromkeys(columns(FERPLUS))
            row |= dict.fromkeys(FERPLUS.names, 0.0)
            row |= {"time": frame * step, "frame": frame, "track": track, "emotion": emotion, "score": 0.9}
            row |= {"left": left, "top": 0.0, "right": 50.0, "bottom": 50.0, "confidence": 0.8, "vote_share": 0.7}
            row |= {"valence": 0.5 if emotion == "happy" else 0.0}
            if emotion != UNCERTAIN:
                row |= {emotion: 0.8}
            found.append(row)
    return pd.DataFrame(found, columns=columns(FERPLUS))


def of(table: pd.DataFrame, outcome: str) -> pd.Series:
    (row,) = (row for _, row in table[table["outcome"] == outcome].iterrows())
    return row


WHOLE = pd.DataFrame({"start": [0.0], "end": [1.0]})


def test_proportions_are_of_the_time_seen() -> None:
    seen = from_table(rows(["happy"] * 2 + [None] * 4 + ["neutral"] * 4))
    table = measure(one_person(seen), WHOLE, FERPLUS)
    happy = of(table, "happy")
    assert happy["seen"] == pytest.approx(0.6)
    assert happy["missing"] == pytest.approx(0.4)
    assert happy["proportion"] == pytest.approx(1 / 3)
    assert happy["mean"] == pytest.approx(0.8 / 3)
    assert of(table, "neutral")["proportion"] == pytest.approx(2 / 3)
    assert of(table, "valence")["mean"] == pytest.approx(0.5 / 3)
    assert np.isnan(of(table, "valence")["proportion"])


def test_a_window_without_the_face_has_no_values() -> None:
    seen = from_table(rows(["happy"] * 5 + [None] * 10 + ["happy"] * 5))
    table = measure(one_person(seen), bin_windows(0, 2, 0.5), FERPLUS)
    happy = table[table["outcome"] == "happy"].set_index("bin")
    assert happy["missing"].tolist() == pytest.approx([0, 0.5, 0.5, 0])
    assert happy["proportion"].isna().tolist() == [False, True, True, False]
    assert happy["episodes"].isna().tolist() == [False, True, True, False]
    assert not (table[table["outcome"] == "neutral"]["proportion"] > 0).any()


def test_times_episodes_and_peaks() -> None:
    emotions = ["neutral", "neutral", "happy", "happy", "sad", "happy", None, None, None, "happy"]
    happy = of(measure(one_person(from_table(rows(emotions))), WHOLE, FERPLUS), "happy")
    assert happy["time_to_first"] == pytest.approx(0.2)
    assert happy["episodes"] == 3  # the second ends because the face is lost for longer than max_gap
    assert happy["episode_seconds"] == pytest.approx(0.4 / 3)
    assert (happy["peak"], happy["peak_time"]) == pytest.approx((0.8, 0.2))
    bridged = of(measure(one_person(from_table(rows(emotions))), WHOLE, FERPLUS, max_gap=0.5), "happy")
    assert bridged["episodes"] == 2


def test_a_sighting_counts_in_both_windows_that_it_reaches_into() -> None:
    table = measure(one_person(from_table(rows(["happy"] * 10))), bin_windows(0, 1, 0.25), FERPLUS)
    assert table[table["outcome"] == "happy"]["seen"].tolist() == pytest.approx([0.25] * 4)


def test_uncertain_is_an_outcome_of_its_own() -> None:
    table = measure(one_person(from_table(rows(["happy"] * 5 + [UNCERTAIN] * 5))), WHOLE, FERPLUS)
    assert of(table, UNCERTAIN)["proportion"] == pytest.approx(0.5)
    assert table[table["outcome"].isin(FERPLUS.names)]["proportion"].sum() == pytest.approx(0.5)


def test_frames_sampled_at_a_rate_leave_no_time_missing() -> None:
    table = rows(["happy"] * 45, 0.08)
    table["time"] = 0.08 * np.flatnonzero(np.arange(57) % 5 != 4)[:45]
    assert of(measure(one_person(from_table(table)), WHOLE, FERPLUS), "happy")["missing"] == pytest.approx(0)


def test_windows_of_events() -> None:
    events = pd.DataFrame({"event": ["joke", "bang"], "onset": [10.0, 20.0], "duration": [4.0, 0.0]})
    windows = event_windows(events, before=1, after=2)
    assert windows[["event", "phase", "start", "end"]].to_numpy().tolist() == [
        ["joke", "before", 9, 10],
        ["joke", "during", 10, 14],
        ["joke", "after", 14, 16],
        ["bang", "before", 19, 20],
        ["bang", "after", 20, 22],
    ]
    with pytest.raises(InputError, match="events"):
        event_windows(events, before=-1, after=2)


def test_bins_divide_the_time() -> None:
    assert bin_windows(0, 1, 0.4)["end"].tolist() == pytest.approx([0.4, 0.8, 1.0])
    assert len(bin_windows(0, 0.9, 0.3)) == 3
    with pytest.raises(InputError, match="length"):
        bin_windows(0, 1, 0)


def test_episodes_are_of_one_track_and_emotion() -> None:
    table = pd.concat([rows(["happy", "happy", "sad"]), rows(["neutral"] * 3, track=2)])
    found = episodes(from_table(table).table)
    assert found[["track", "emotion", "frames"]].to_numpy().tolist() == [
        [1, "happy", 2],
        [2, "neutral", 3],
        [1, "sad", 1],
    ]
    assert found["end"].tolist() == pytest.approx([0.2, 0.3, 0.3])


def test_the_largest_face_or_named_tracks_are_the_participant() -> None:
    seen = from_table(pd.concat([rows(["happy"] * 3, left=20.0), rows(["sad"] * 5, track=2)]))
    assert one_person(seen)["track"].tolist() == [2] * 5
    assert one_person(seen, "1")["emotion"].tolist() == ["happy"] * 3
    assert len(one_person(seen, "1+2")) == 5
    with pytest.raises(InputError, match="expected tracks of the video"):
        one_person(seen, "7")
    with pytest.raises(InputError, match="expected 'largest'"):
        one_person(seen, "smallest")


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_rows_are_read_from_every_format(tmp_path: Path, suffix: str) -> None:
    table, path = rows(["happy", "sad"]), tmp_path / f"rows.{suffix}"
    writers: dict[str, Any] = {
        "csv": lambda: table.to_csv(path, index=False),
        "jsonl": lambda: table.to_json(path, orient="records", lines=True),
        "parquet": lambda: table.to_parquet(path),
    }
    writers[suffix]()
    seen = read_table(path)
    assert seen.table["emotion"].tolist() == ["happy", "sad"]
    assert (seen.labels, seen.step) == (FERPLUS, pytest.approx(0.1))


def test_other_tables_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="expected the columns of rows"):
        read_table(tmp_path / "other.csv")
    with pytest.raises(InputError, match="ends in"):
        read_table(tmp_path / "rows.txt")


def test_averages_leave_missing_values_out() -> None:
    table = pd.DataFrame({"participant": ["a", "a", "b"], "proportion": [0.2, np.nan, 0.6], "seen": [1.0, 0, 1]})
    found = average(table, ["participant"], ["proportion"])
    assert found["proportion"].tolist() == [0.2, 0.6]
    assert found["seen"].tolist() == [1, 1]
