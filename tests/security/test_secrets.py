"""Secrets in texts: what docs/security.md promises of them."""

from __future__ import annotations

import pytest

from laptime.credentials import hide, without_secrets


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
