"""Files of any size are read piece by piece; what could never be trained on is refused unread."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from laptime.data import files, formats, json_text, spool, tables
from laptime.data.bulk_tokens import Ids
from laptime.data.encoding import encode
from laptime.data.examples import Example, ExamplesError, ExampleSet, digest_of
from laptime.data.formats import check_examples, read_examples
from laptime.data.longest import TRIED_FIRST
from laptime.data.tokens import Tokens
from laptime.errors import UserError
from laptime.runs import preparation
from laptime.spec import AnswerSpec, CompareSpec, DataSpec
from laptime.util import text_files
from tests.data.tokenizers_made import make_tokenizer

TEXTS = ['답 "x",\r\ny', "\\u00e9 \u00e9\u2028z", "a;b\tc", "\U0001f600" * 3, "plain", "]}{[,", "\\"]


def rows() -> list[dict[str, str]]:
    """Return rows with whatever a reader could stumble over."""
    return [{"prompt": f"{n} {text}", "completion": text * 2} for n, text in enumerate(TEXTS * 4)]


def write_csv(newline: str) -> bytes:
    """Return the rows as CSV."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["prompt", "completion"], lineterminator=newline)
    writer.writeheader()
    writer.writerows(rows())
    return text.getvalue().encode()


def write_json(**options: Any) -> bytes:
    """Return the rows as an array."""
    return json.dumps(rows(), **options).encode()


CONTENTS: dict[str, tuple[str, bytes]] = {
    "lines": ("a.jsonl", b"".join(json.dumps(row).encode() + b"\n" for row in rows())),
    "letters": ("a.jsonl", "\r\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows()).encode()),
    "old Mac": ("a.jsonl", b"\r".join(json.dumps(row).encode() for row in rows())),
    "lines called json": ("a.json", b"\n \n".join(json.dumps(row).encode() for row in rows())),
    "array": ("a.json", write_json()),
    "array over lines": ("a.json", write_json(indent=2, ensure_ascii=False).replace(b"\n", b"\r\n")),
    "csv": ("a.csv", write_csv("\n")),
    "csv of Windows": ("a.csv", write_csv("\r\n")),
}


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["bare", "marked"])
@pytest.mark.parametrize("content", CONTENTS)
def test_where_pieces_end_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, mark: bytes
) -> None:
    name, data = CONTENTS[content]
    (tmp_path / name).write_bytes(mark + data)
    spec = DataSpec(data=str(tmp_path / name))
    whole = read_examples(spec)
    assert len(whole.examples) == len(rows())
    assert [example.completion for example in whole.examples] == [
        row["completion"].replace("\r\n", "\n") if name.endswith("csv") else row["completion"]
        for row in rows()
    ]
    monkeypatch.setattr(json_text, "FORGOTTEN_AT_ONCE", 1)
    for size in (1, 2, 3, 7, 64):
        monkeypatch.setattr(text_files, "PIECE_BYTES", size)
        again = read_examples(spec)
        assert again.examples == whole.examples and again.digest == whole.digest, size


def test_the_digest_of_a_check_is_that_of_the_examples(tmp_path: Path) -> None:
    for name, data in CONTENTS.values():
        (tmp_path / name).write_bytes(data)
    for held_out in (None, "0.25", "a.csv", "1"):
        path = None if held_out is None else held_out.replace("a.csv", str(tmp_path / "a.csv"))
        spec = DataSpec(data=str(tmp_path / "a.json"), held_out=path)
        try:
            found = read_examples(spec, seed=3)
        except UserError as error:
            with pytest.raises(UserError) as same:
                check_examples(spec, seed=3)
            assert str(same.value) == str(error)
            continue
        assert check_examples(spec, seed=3) == found.digest == digest_of(list(found.examples))


def write_lines(path: Path, number: int, last: str, completion: str = "because") -> Path:
    """Write equal examples, and a last line of its own."""
    row = json.dumps({"prompt": "why", "completion": completion}) + "\n"
    path.write_text(row * number + last)
    return path


def test_of_large_data_the_beginning_is_checked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_lines(tmp_path / "a.jsonl", 50, "{bad}\n")
    spec = DataSpec(data=str(path), held_out="0.5")
    for everything in (True, False):
        with pytest.raises(ExamplesError, match=r"a\.jsonl:51: malformed"):
            check_examples(spec, everything=everything)
    monkeypatch.setattr(formats, "LARGE_BYTES", 100)
    monkeypatch.setattr(formats, "CHECKED_ROWS", 50)
    assert check_examples(spec, everything=False) == ""
    with pytest.raises(ExamplesError, match=r"a\.jsonl:51: malformed"):
        check_examples(spec)
    monkeypatch.setattr(formats, "CHECKED_ROWS", 51)
    with pytest.raises(ExamplesError, match=r"a\.jsonl:51: malformed"):
        check_examples(spec, everything=False)


def test_a_bad_row_deep_in_large_data_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    number = formats.LARGE_BYTES // 5000
    path = write_lines(tmp_path / "a.jsonl", number, '{"prompt": "why"}\n', "because " * 625)
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-m", "laptime", "train", "--data", str(path), "--out", str(out)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and not out.exists()
    (line,) = done.stderr.splitlines()
    assert f"a.jsonl:{number + 1}: no 'completion' in this row" in line


def test_what_was_begun_on_large_data_is_held_to_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Going on, the digest is made of the whole file, though the first look gave none."""
    path = write_lines(tmp_path / "a.jsonl", 50, "")
    spec = CompareSpec(data=DataSpec(data=str(path)))
    job = preparation.make_input_job(spec, tmp_path / "out", None)
    facts: Any = SimpleNamespace(data={"records_digest": check_examples(spec.data)})
    monkeypatch.setattr(preparation, "read_whole_inputs", lambda *_: facts)
    monkeypatch.setattr(preparation, "follow_base", lambda manifest, *_: manifest)

    def go_on() -> object:
        return preparation.prepare_inputs(job, None, None, "", fresh=False)  # type: ignore[arg-type]

    assert go_on() is facts
    write_lines(path, 51, "")
    with pytest.raises(UserError, match="changed since"):
        go_on()


def peak_of(work: Callable[[], object]) -> int:
    """Return the most bytes that Python held beside what was there."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_reading_and_encoding_hold_a_few_examples_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = json.dumps({"prompt": "why " * 250, "completion": "because " * 125}) + "\n"
    path = tmp_path / "a.jsonl"
    path.write_text(row * 10_000)
    spec = DataSpec(data=str(path), template="plain", max_length=16)
    monkeypatch.setattr(spool, "IN_MEMORY", 1 << 20)
    assert path.stat().st_size > 20_000_000
    assert peak_of(lambda: check_examples(spec)) < 5_000_000
    assert peak_of(lambda: read_examples(spec)) < 8_000_000
    few = read_examples(spec)
    taken: list[int] = []
    monkeypatch.setattr(
        Tokens,
        "encode_parts",
        lambda _, parts: taken.append(len(parts)) or Ids.of_lists([[5], [6]] * len(parts)),
    )
    encode(few, make_tokenizer(), spec, AnswerSpec(), None)
    asked = AnswerSpec().max_questions  # whose prompts are encoded by themselves
    assert sum(taken) == 10_000 + TRIED_FIRST + asked and max(taken) <= 500, "a million letters"


def test_an_example_that_no_model_holds_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = json.dumps({"prompt": "a", "completion": "b"}) + "\n"
    path.write_text(good + json.dumps({"prompt": "a", "completion": "a" * 5_000_000}) + "\n" + good)
    with pytest.raises(ExamplesError) as error:
        read_examples(DataSpec(data=str(path)))
    assert str(error.value) == (
        "a.jsonl:2: 5,000,001 letters in one example, more than the 4,000,000 that are read; split it into "
        "several examples"
    )


def test_lines_and_values_without_end_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (files, json_text, tables, text_files):
        monkeypatch.setattr(module, "MOST_LINE_BYTES", 1000)
    monkeypatch.setattr(tables, "MOST_CELL_LETTERS", 300)
    monkeypatch.setattr(text_files, "PIECE_BYTES", 50)
    good, long = '{"prompt": "a", "completion": "b"}', '{"prompt": "a", "completion": "' + "b" * 5000 + '"}'
    for name, text, message in (
        (
            "a.jsonl",
            f"{good}\n{long}\n{good}\n{long}\n",
            "a.jsonl:2: a line of more than 0 MB (and 1 more bad row",
        ),
        ("a.json", f"[{good},\n{long}]", "a.json:2: a value of more than 0 MB; one example a line (.jsonl)"),
        ("a.json", long, "a.json:1: a value of more than 0 MB"),
        ("a.csv", "prompt,completion\na," + "b" * 5000 + "\n", "a.csv:2: a line of more than 0 MB"),
        (
            "a.csv",
            'prompt,completion\na,"' + "b\n" * 500,
            "a.csv:2: malformed CSV: a cell of more than 300 letters",
        ),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(UserError) as error:
            read_examples(DataSpec(data=str(tmp_path / name)))
        assert str(error.value).startswith(message)


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows; what stands in many of them is stored once."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(rows), path, compression="zstd")
    return path


def test_a_parquet_file_of_one_huge_cell_is_refused_unread(tmp_path: Path) -> None:
    import pyarrow

    path = write_parquet(tmp_path / "a.parquet", [{"prompt": "a", "completion": "a" * 70_000_000}])
    assert path.stat().st_size < 50_000
    before = pyarrow.total_allocated_bytes()
    with pytest.raises(UserError, match=r"a\.parquet: holds a row of more than 64 MB; split what it holds"):
        read_examples(DataSpec(data=str(path)))
    assert pyarrow.total_allocated_bytes() - before < 1_000_000


def test_a_parquet_file_that_unpacks_to_much_is_read_a_few_rows_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """300 rows of a million letters, stored once in five kilobytes."""
    path = write_parquet(tmp_path / "a.parquet", [{"prompt": "a", "completion": "b" * 1_000_000}] * 300)
    assert path.stat().st_size < 5000
    sizes: list[int] = []
    unpack = tables._unpack
    monkeypatch.setattr(tables, "_unpack", lambda batch: sizes.append(batch.nbytes) or unpack(batch))
    monkeypatch.setattr(spool, "IN_MEMORY", 1 << 20)
    assert check_examples(DataSpec(data=str(path)))
    assert sum(sizes) > 300_000_000 and max(sizes) <= tables.BATCH_BYTES


def test_a_huge_row_among_others_is_a_bad_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"prompt": "a", "completion": "b" * size} for size in (10, 5000, 20)]
    path = write_parquet(tmp_path / "a.parquet", rows)
    monkeypatch.setattr(tables, "MOST_ROW_BYTES", 4000)
    with pytest.raises(UserError, match=r"a\.parquet row 2: a row of more than 64 MB"):
        read_examples(DataSpec(data=str(path)))


class PanicException(BaseException):
    """What a native library raises when it gives up."""


def test_a_tokenizer_that_gives_up_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise PanicException("capacity overflow\nmore")

    monkeypatch.setattr(Tokens, "encode_parts", fail)
    examples = [Example(source=f"d.jsonl:{n}", prompt="a", completion="b") for n in (1, 2)]
    with pytest.raises(UserError) as error:
        encode(
            ExampleSet(name="d", shape="s", examples=examples),
            make_tokenizer(),
            DataSpec(template="plain"),
            AnswerSpec(),
            9,
        )
    assert str(error.value) == "d.jsonl:1 to d.jsonl:2: the tokenizer failed (capacity overflow)"


def test_a_preparation_that_fails_ends_at_once(tmp_path: Path) -> None:
    """Whatever was raised, and whatever a thread still waits for."""
    job = tmp_path / "job.json"
    script = (
        "import sys, threading, msgspec\n"
        "from laptime.startup.imports import defer_imports\n"
        "defer_imports()\n"
        "from laptime.training import preprocess\n"
        "from laptime.data.input_manifest import InputJob\n"
        "from laptime.spec import AnswerSpec, CompareSpec, DataSpec, ModelSpec, TrainingSpec\n"
        "specs = dict(model=ModelSpec(), data=DataSpec(), answers=AnswerSpec(), training=TrainingSpec())\n"
        "job = InputJob(**specs, folder='x')\n"
        f"open({str(job)!r}, 'wb').write(msgspec.json.encode(job))\n"
        "class PanicException(BaseException): pass\n"
        "def fail(job): raise PanicException('no room')\n"
        "preprocess.prepare = fail\n"
        "threading.Thread(target=threading.Event().wait).start()\n"
        f"sys.argv = ['x', {str(job)!r}]\n"
        "preprocess.main()\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].endswith("PanicException: no room")


def test_examples_without_room_are_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("no example at all\n" * 100)
    monkeypatch.setattr("laptime.data.formats.IN_MEMORY", 1000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1700))
    with pytest.raises(
        UserError,
        match=r"too little room: the examples of .*a\.jsonl need about 1\.8 kB there while they are "
        r"prepared; 1\.7 kB are free; make room, or set TMPDIR to another folder$",
    ):
        check_examples(DataSpec(data=str(file)))
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1800))
    with pytest.raises(ExamplesError):
        check_examples(DataSpec(data=str(file)))
