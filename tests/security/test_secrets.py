"""Secrets in texts: what docs/security.md promises of them."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laptime.credentials import hide, without_secrets
from laptime.errors import UserError, check_path


def test_secrets_are_told_by_name_and_by_form() -> None:
    environment = {
        "HF_TOKEN": "hf_1",
        "WANDB_API_KEY": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_ACCESS_KEY_ID": "i",
        "githubtoken": "t",
        "my_password": "p",
        "https_proxy": "http://user:pass@proxy:3128",
        "DATABASE_URL": "postgres://u:p@host/db",
        "PATH": "/bin",
        "OMP_NUM_THREADS": "2",
        "TOKENIZERS_PARALLELISM": "false",
        "KEYBOARD": "ko",
        "no_proxy": "localhost",
        "HTTP_PROXY": "http://proxy:3128",
    }
    kept = without_secrets(environment)
    assert set(kept) == {
        "PATH",
        "OMP_NUM_THREADS",
        "TOKENIZERS_PARALLELISM",
        "KEYBOARD",
        "no_proxy",
        "HTTP_PROXY",
    }


def test_messages_lose_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "canary-in-a-variable")
    text = "GET https://me:pass@host/x or https:/me:pass@host failed with canary-in-a-variable; see http://host/a@b"
    assert hide(text) == "GET https://***@host/x or https:/***@host failed with ***; see http://host/a@b"


CANARY = "canary4711canary"
QUIET = settings(deadline=None, derandomize=True, database=None)
ODD = st.text("aZ7@/:%#?&=[](){}<>'\"`,;!$*\\|~^.-_+é한", max_size=12)
SCHEMES = st.sampled_from(["https", "http", "ftp", "postgresql", "git+ssh", "socks5h", "HTTPS"])
USERS = st.sampled_from(["bob", "bob%40h", "", "b.o-b", "bob@corp.example", "한글"])


@QUIET
@given(ODD, ODD, SCHEMES, USERS, st.booleans(), st.booleans())
def test_no_password_of_any_address_passes(
    before: str, after: str, scheme: str, user: str, quoted: bool, collapsed: bool
) -> None:
    password = quote(before + CANARY + after, safe="") if quoted else before + CANARY + after
    url = f"{scheme}:/{'' if collapsed else '/'}{user}:{password}@host.example:8080/a/b?c=d#e"
    for text in (
        url,
        f"cannot open '{url}'",
        f"GET {url} failed; {url}, see https://host/a@b",
        f"{url},{url}",
        f'{{"url":"{url}"}}',
        f"https://host/x {url}\n{url}",
    ):
        assert CANARY not in hide(text)
    assert "HTTP_PROXY" not in without_secrets({"HTTP_PROXY": url})
    with pytest.raises(UserError, match=r"^--data: an address with a name or a password in it") as caught:
        check_path(url, "--data")
    assert CANARY not in str(caught.value)


@QUIET
@given(ODD, ODD, st.sampled_from([" ", "  ", "\t"]))
def test_a_password_with_spaces_is_no_exception(before: str, after: str, space: str) -> None:
    url = f"https://bob:{before}{space}{CANARY}{space}{after}@host/x"
    assert without_secrets({"https_proxy": url, "other": url}) == {}
    with pytest.raises(UserError):
        check_path(url, "--out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("https_proxy", url)
        assert CANARY not in hide(f"GET {url} failed: no such host")
        assert CANARY not in hide(f"Port could not be cast to integer value as '{CANARY}'")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("--data https://bob:CANARYm@x9@h", "--data https://***@h"),
        ("--data https://bob:CANARYd/x9@h/a.jsonl: no", "--data https://***@h/a.jsonl: no"),
        ("https://token@host/x", "https://***@host/x"),
        ("https://bob:my pass word@host is down", "https://***@host is down"),
        ("two: ftp://a:b@c, https://d:e@f/g", "two: ftp://***@c, https://***@f/g"),
    ],
)
def test_the_rest_of_an_address_stays(text: str, shown: str) -> None:
    assert hide(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "https://host/a@b",
        "https://host/a:b@sha256:c",
        "mail me at a@b.c",
        "git@host:path",
        "http://localhost:8080/ is down, mail a@b.c",
        "What runs at http://host:8080 and who is a@b?",
        "c:/x@y:z@w",
        "10:30 at https://host, with a@b",
        "see https://huggingface.co/org/name (main@1a2b)",
        "a: b@c\nhttps://host\nd@e",
    ],
)
def test_ordinary_text_is_shown_as_it_is(text: str) -> None:
    assert hide(text) == text


def test_a_proxy_needs_no_scheme_to_hold_a_password() -> None:
    environment = {
        "https_proxy": f"bob:{CANARY}@host:3128",
        "ALL_PROXY": f"b:x/{CANARY}@h",
        "no_proxy": "a,b",
    }
    assert without_secrets(environment) == {"no_proxy": "a,b"}
