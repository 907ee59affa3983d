import decimal
import math
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from foundations.app.job.artifacts.formats import read_object, write_object
from foundations.errors import FoundationsError


@pytest.fixture
def again(tmp_path):
    """Write an object under a name and return what is read of it."""

    def write_and_read(value, name):
        write_object(value, name, tmp_path / "content")
        return read_object(name, tmp_path / "content")

    return write_and_read


class Point:
    def __init__(self, x):
        self.x = x

    def __str__(self):
        return f"x is {self.x}"


class TestPlainFormats:
    @pytest.mark.parametrize(
        "value", [None, [], {"a": [1, 2.5, True, "\N{GRINNING FACE}\udc80"]}, "a" * 1_000_000, float("inf"), 10**40]
    )
    def test_json(self, again, value):
        assert value == again([value], "any.json")[0]

    def test_json_of_values_of_numpy(self, again):
        found = again({"loss": np.float32(0.5), "n": np.int64(3), "all": np.arange(3), "nan": np.nan}, "a/metrics.JSON")
        assert {"loss": 0.5, "n": 3, "all": [0, 1, 2]} == {name: found[name] for name in ("loss", "n", "all")}
        assert math.isnan(found["nan"])

    @pytest.mark.parametrize(
        ("value", "expected"),
        [(Point(3), "x is 3"), ("né".encode(), "né"), (bytearray(b"a\r\nb"), "a\r\nb"), (None, "None")],
    )
    def test_text(self, again, value, expected):
        assert expected == again(value, "note.txt")

    def test_a_pickle_is_one_that_anybody_can_load(self, again, tmp_path):
        assert 3 == again(Point(3), "point.pkl").x

    @pytest.mark.parametrize(
        ("value", "name", "reason"),
        [
            (Point(1), "a.json", "Point has no form in JSON"),
            (lambda: 0, "a.pkl", "pickle"),
            (Point(1), "a.npy", "allow_pickle=False"),
            (Point(1), "a.csv", "a DataFrame of pandas or polars"),
            ([1], "a.parquet", "a DataFrame of pandas or polars"),
            (Point(1), "a.png", "a figure or axes of Matplotlib"),
            (Point(1), "a.html", "a figure of Plotly"),
        ],
    )
    def test_what_a_format_does_not_take_is_refused(self, tmp_path, value, name, reason):
        with pytest.raises(FoundationsError, match=reason) as caught:
            write_object(value, name, tmp_path / "content")
        assert f"cannot be saved as {name!r}" in str(caught.value)

    def test_a_missing_library_is_named(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "numpy", None)
        with pytest.raises(FoundationsError, match=r"numpy.*Install the package that is missing"):
            write_object([1], "a.npy", tmp_path / "content")

    def test_a_file_that_cannot_be_read_is_refused_with_the_way_out(self, tmp_path):
        (tmp_path / "content").write_text("{")
        with pytest.raises(FoundationsError, match=r"'a.json' cannot be loaded here: JSONDecodeError.*fetch_artifact"):
            read_object("a.json", tmp_path / "content")


class TestArraysAndTables:
    @pytest.mark.parametrize("value", [np.arange(6.0).reshape(2, 3), np.array("text"), np.array([], np.uint8), [1, 2]])
    def test_npy(self, again, value):
        found = again(value, "x.npy")
        assert (np.asarray(value).dtype, np.asarray(value).tolist()) == (found.dtype, found.tolist())

    def test_parquet_of_pandas_keeps_types_and_index(self, again):
        frame = pd.DataFrame(
            {"a": pd.Categorical(["x", "y"]), "t": pd.to_datetime(["2026-01-01", None])}, index=["p", "q"]
        )
        pd.testing.assert_frame_equal(frame, again(frame, "x.parquet"))

    @pytest.mark.parametrize("name", ["x.parquet", "x.csv"])
    @pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
    def test_tables_of_each_library_come_back_as_pandas(self, again, make, name):
        columns = {"a": [1, 2], "b": ["x", 'y, "z"']}
        pd.testing.assert_frame_equal(pd.DataFrame(columns), again(make(columns), name), check_dtype=name == "x.csv")

    @pytest.mark.parametrize("name", [None, "loss", 3])
    def test_a_series_is_a_table_of_one_column(self, again, name):
        found = again(pd.Series([1.5, 2.5], name=name), "x.parquet")
        assert {"value" if name is None else str(name): [1.5, 2.5]} == found.to_dict("list")

    def test_csv_has_an_index_that_means_something_only(self, again):
        frame = pd.DataFrame({"a": [1, 2]})
        assert [["a"], ["day", "a"]] == [
            list(again(frame, "plain.csv")),
            list(again(frame.set_index(pd.Index(["mon", "tue"], name="day")), "indexed.csv")),
        ]

    def test_a_table_of_something_else_in_parquet_is_refused(self, tmp_path):
        frame = pd.DataFrame({"a": [decimal.Decimal(1), "x"]})
        with pytest.raises(FoundationsError, match=r"cannot be saved as 'a.parquet'"):
            write_object(frame, "a.parquet", tmp_path / "content")


class TestPictures:
    @pytest.fixture
    def figure(self):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(2, 1), dpi=50)
        figure.subplots().plot([1, 2])
        return figure

    def test_a_figure_and_its_axes(self, again, figure):
        assert [(100, 50), (100, 50)] == [again(value, "plot.png").size for value in (figure, figure.axes[0])]

    def test_an_image_of_pillow(self, again):
        from PIL import Image

        image = Image.new("RGBA", (3, 2), (1, 2, 3, 4))
        assert image.tobytes() == again(image, "a.png").tobytes()

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (np.array([[0, 255]], np.uint8), [[0, 255]]),
            (np.array([[False, True]]), [[0, 255]]),
            (np.array([[0.0, 1.0, 0.5]]), [[0, 255, 128]]),
            (np.array([[7]]), [[7]]),
            (np.array([[[7]]]), [[7]]),
            (np.array([[[1, 2, 3]]]), [[[1, 2, 3]]]),
            (np.array([[[1, 2, 3, 4]]]), [[[1, 2, 3, 4]]]),
        ],
    )
    def test_an_array(self, again, value, expected):
        assert expected == np.asarray(again(value, "a.png")).tolist()

    @pytest.mark.parametrize(
        "value",
        [
            np.zeros(3),
            np.zeros((1, 1, 5)),
            np.zeros((0, 2)),
            np.array([[256]]),
            np.array([[-0.1]]),
            np.array([[np.nan]]),
        ],
    )
    def test_an_array_that_is_no_image_is_refused(self, tmp_path, value):
        with pytest.raises(FoundationsError, match=r"cannot be saved as 'a.png'"):
            write_object(value, "a.png", tmp_path / "content")

    def test_an_array_of_text_is_refused(self, tmp_path):
        with pytest.raises(FoundationsError, match="of the type <U1 is no image"):
            write_object(np.array([["a"]]), "a.png", tmp_path / "content")

    def test_a_figure_of_plotly_is_a_page_of_its_own(self, again):
        import plotly.graph_objects as go

        page = again(go.Figure(go.Scatter(y=[1, 2])), "plot.html")
        assert [True, True] == ["<html>" in page, "Plotly.newPlot" in page]

    def test_what_notebooks_show_as_html(self, again):
        frame = pd.DataFrame({"a": [1]})
        assert frame._repr_html_() == again(frame, "table.html")
