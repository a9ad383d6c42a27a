"""Strict JSON: the fast way gives what the strict one gives, and refuses what it refuses."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from laptime.util import strict_json
from laptime.util.strict_json import parse_json

REFUSED = {
    '{"a": 1, "a": 2}': "duplicate key 'a'",
    '{"a":1,"\\u0061":2}': "duplicate key 'a'",
    '{"a" :"x","a":"y"}': "duplicate key 'a'",
    '{"a":"x","b":{"c":[{"d":"1","d":"2"}]}}': "duplicate key 'd'",
    '{"a":NaN}': "NaN is not a JSON value",
    '{"a":"\\ud83d"}': "lone surrogate",
    '{"a":"tab\there"}': "invalid control character",
    '{"a":"x"} {}': "malformed JSON at column 11: extra data",
    '{"a":"x",}': "malformed JSON",
    '{"a":"x': "truncated JSON",
    "{'a':'x'}": "malformed JSON",
    "[" * 100_000: "nested too deeply",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:30])
def test_what_no_reader_should_take_is_named(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_json(text)
    assert REFUSED[text] in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        {"q": "가나다 \U0001f600", "a": 'he said ": no'},
        {"q": "a : b", "n": 2**60, "f": 0.1, "big": 10**30},
        {"turns": [{"from": "human", "value": "x"}, {"from": "gpt", "value": "y"}], "none": None, "": True},
        [1, -0.0, 1e300, "", [], {}],
        "text",
        None,
    ],
)
@pytest.mark.parametrize("escapes", [True, False])
def test_values_come_as_they_were_written(value: Any, escapes: bool) -> None:
    for separators in ((",", ":"), (", ", ": "), (" , ", " : ")):
        text = json.dumps(value, ensure_ascii=escapes, separators=separators)
        assert repr(parse_json(text)) == repr(value)


LEAVES = ['"a"', '"\\u0061"', '"x\\":"', '"\\ud83d\\ude00"', '" :"', "7", "-0", "1e3", "null"]


def make_text(chance: random.Random, depth: int = 0) -> str:
    """Return JSON with blanks anywhere, keys twice, escapes and quotes before colons."""
    if depth == 3 or chance.random() < 0.4:
        return chance.choice(LEAVES)
    blank = chance.choice(["", "", "", " ", "\t"])
    if chance.random() < 0.3:
        return "[" + ",".join(make_text(chance, depth + 1) for _ in range(chance.randrange(3))) + "]"
    keys = [chance.choice(['"a"', '"b"', '"c"', '"\\u0061"', '"b\\":"']) for _ in range(chance.randrange(4))]
    return "{" + ",".join(f"{key}{blank}:{blank}{make_text(chance, depth + 1)}" for key in keys) + "}"


def test_the_fast_way_and_the_strict_one_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(4)
    texts = [make_text(chance) for _ in range(3000)]

    def parse_all() -> list[str]:
        found = []
        for text in texts:
            try:
                found.append(repr(parse_json(text)))
            except ValueError as error:
                found.append(f"refused: {error}")
        return found

    num_fast = sum(strict_json.parse_plain(text.encode()) is not None for text in texts)
    found = parse_all()
    monkeypatch.setattr(strict_json, "parse_plain", lambda data: None)
    assert found == parse_all()
    num_twice = sum("duplicate" in one for one in found)
    assert num_fast > 500 and num_twice > 100
