"""Tables of numbers: separators, headers, labels, and errors that name the row."""

import numpy as np
import pytest

from zoo.data import reading, scaling
from zoo.tabular import tables

FLOWERS = """sepal,petal,species
5.1,1.4,setosa
6.4,4.5,versicolor
5.9,5.1,virginica
4.9,1.4,setosa
"""
VALUES = np.array([[5.1, 1.4], [6.4, 4.5], [5.9, 5.1], [4.9, 1.4]])


def table(folder, text, name="x.csv", **options):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return tables.read(path, **options)


@pytest.mark.parametrize(
    ("sign", "name", "given"),
    [
        (",", "x.csv", None),
        (";", "x.csv", None),
        ("|", "x.csv", None),
        ("\t", "x.csv", None),
        ("\t", "x.tsv", None),
        (" ", "x.csv", " "),
    ],
)
def test_the_separator_is_found(tmp_path, sign, name, given):
    text = FLOWERS.replace(",", sign)
    found = table(tmp_path, text, name, separator=given, label_column="species")
    assert found.columns == ("sepal", "petal")
    np.testing.assert_array_equal(found.values, VALUES)
    assert found.class_names == ("setosa", "versicolor", "virginica")
    assert found.labels.tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\n\n"),
        lambda text: text.replace(",", " , "),
        lambda text: text.replace("setosa", '"setosa"'),
        lambda text: text.removesuffix("\n"),
    ],
    ids=["BOM", "CRLF", "empty lines", "blanks", "quotes", "no end"],
)
def test_the_forms_of_one_table_are_read_alike(tmp_path, change):
    found = table(tmp_path, change(FLOWERS), label_column="species")
    np.testing.assert_array_equal(found.values, VALUES)
    assert found.columns == ("sepal", "petal")
    assert found.labels.tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize(
    ("text", "columns", "num"),
    [
        ("1,2\n3,4\n", ("1", "2"), 2),
        ("a,b\n3,4\n", ("a", "b"), 1),
        ("1.5\n2.5\n3.5\n", ("1",), 3),
        ("value\n2.5\n3.5\n", ("value",), 2),
        ("cat,1\ndog,2\ncat,3\n", ("2",), 3),
    ],
)
def test_the_header_is_told_from_rows(tmp_path, text, columns, num):
    found = table(tmp_path, text)
    assert (found.columns, len(found)) == (columns, num)


def test_columns_without_numbers_are_left_out_and_said(tmp_path):
    """A date beside each value; pandas writes the numbers of rows under no name."""
    found = table(tmp_path, ",time,value\n0,2020-01-01,3\n1,2020-01-02,4\n")
    assert found.columns == ("value",)
    assert found.left_out == (
        "column 1: the numbers of the rows, without a name",
        "column time: it holds no numbers, but '2020-01-01' and the like",
    )


def test_numbers_as_labels_keep_their_order(tmp_path):
    found = table(tmp_path, "x,y\n1,10\n2,9\n3,10.0\n", label_column="y")
    assert (found.class_names, found.labels.tolist()) == (("9", "10"), [1, 0, 1])


def test_columns_are_taken_in_the_order_asked_for(tmp_path):
    found = table(tmp_path, "a,b,c\n1,2,3\n4,5,6\n", columns=("c", "a"))
    np.testing.assert_array_equal(found.values, [[3, 1], [6, 4]])
    assert "columns b" in found.left_out[0]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "empty file"),
        ("a,b\n", {}, "a header alone"),
        ("a,b\n1,2\n3\n", {}, r"as the first, 2\. Received: 1 in line 3"),
        ("a,b\n1,2\n3,\n", {}, r"column b .*an empty cell in row 2 \(line 3\), 1 such cells"),
        ("a,b\n1,2\nnan,4\n", {}, r"column a .*'nan' in row 2 \(line 3\)"),
        ("a,b\n1,2\n3,4x\n", {}, r"column b must hold numbers alone.*'4x' in row 2 \(line 3\)"),
        ("a;b\n1,5;2\n3;4\n", {}, r"'1,5' in row 1 .*with a point"),
        ("a;b\n1,5;x\n3,4;y\n", {}, r"column a must hold numbers with a point.*'1,5' in row 1"),
        ("a,b\n1," + "9" * 200_000 + "\n", {}, "line 2 cannot be read as a row"),
        ("a,a\n1,2\n", {}, "'a' twice"),
        ("a,b\nx,y\n", {}, "a column of numbers"),
        ("1,5;2,5\n3,5;4,5\n", {}, "Say which: --separator"),
        ("a,b\n1,2\n", {"label_column": "bb"}, r"a column 'bb'\. Did you mean 'b'"),
        ("a,b\n1,2.5\n", {"label_column": "b"}, "measured numbers, such as 2.5"),
        ("a,b\n1,\n2,x\n", {"label_column": "b"}, r"label in each row.*row 1 \(line 2\)"),
        ("a,b\n1_0,2\n3,4\n", {}, "'1_0' in row 1"),
        (b"a,b\n1,\xe9\n", {}, "text in UTF-8.*in line 2"),
        (b"PK\0\0\1", {}, "text in UTF-8"),
        (
            "country,2019,2020\nNorway,1,2\nPeru,3,4\n",
            {},
            "country, 2019, 2020, which could be both",
        ),
        ('a,b\n1,"2\n3,4\n', {}, "line 3 cannot be read as a row"),
    ],
)
def test_what_is_no_table_is_refused_with_its_row(tmp_path, text, options, message):
    with pytest.raises(ValueError, match=message) as found:
        table(tmp_path, text, **options)
    assert "\n" not in str(found.value)


def test_each_column_is_scaled_by_itself(tmp_path):
    scale = scaling.Columns.of(VALUES)
    assert (scale.lows, scale.highs) == ((4.9, 1.4), (6.4, 5.1))
    later = scale.apply(np.array([[4.9, 5.1], [5.65, 9.0], [0.0, 1.4]]))
    np.testing.assert_allclose(later, [[0, 1], [0.5, 1], [0, 0]], atol=1e-6)
    assert "2 of 4 values" in scale.note(np.array([[0.0, 2.0], [7.0, 2.0]]), "later rows")


def test_a_table_is_read_as_other_data(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(FLOWERS)
    found = reading.read(path, reading.Options(label_column="species"))
    assert found.needs_scale
    np.testing.assert_array_equal(found.parts["train"].images, VALUES)
    assert found.said[:2] == (
        "read: 4 vectors of 2 numbers (train 4)",
        "classes: setosa 2, versicolor 1, virginica 1",
    )
    given = reading.read(path, reading.Options(value_range=(0.0, 10.0)))
    assert not given.needs_scale
    np.testing.assert_allclose(given.parts["train"].images, VALUES / 10, rtol=1e-6)
    path.write_text("a,b\n0.5,1\n0,0.25\n")
    assert not reading.read(path).needs_scale
    path.write_text("march,2019\nmarch,1\n")
    assert "note: there is no header: the columns are called 1, 2, ..." in reading.read(path).said


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("x.csv", {"resize": (4, 4)}, "--resize is for folders of images"),
        ("x.csv", {"data_kind": "series"}, "--data is for .npz files"),
        ("x.npz", {"label_column": "a"}, "--label-column is for tables"),
        ("", {"window": 3}, "--window is for long series"),
        ("x.csv", {"stride": 3}, "Give --window too"),
        ("x.csv", {"window": 0}, "--window must be at least 1"),
        ("x.csv", {"window": 9}, "4 steps for --window 9"),
        ("x.csv", {"foreground": "nonzero"}, "--foreground is for data with masks"),
    ],
)
def test_options_that_would_be_ignored_are_refused(tmp_path, name, options, message):
    (tmp_path / "x.csv").write_text(FLOWERS)
    np.savez(tmp_path / "x.npz", x=np.zeros((4, 3)))
    with pytest.raises(ValueError, match=message):
        reading.read(tmp_path / name, reading.Options(**options))
