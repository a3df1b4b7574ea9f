"""`pullwright secrets`: stored sealed, listed by name, removed; never shown."""

import io
import sys
from pathlib import Path

import pytest

from bot.cli.secrets import run_secrets
from bot.errors import SettingsFault
from bot.vault import key_path, unseal_setup_secrets

VALUE = "token-of-sixteen"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PULLWRIGHT_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def give(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_a_secret_is_sealed_listed_and_removed(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, VALUE + "\n")
    assert run_secrets("Octo/App", "INDEX_TOKEN", remove=False) == 0
    assert unseal_setup_secrets(place, key_path(place, None)) == {"octo/app": {"INDEX_TOKEN": VALUE}}
    assert not any(VALUE.encode() in path.read_bytes() for path in place.rglob("*") if path.is_file())
    assert (place / "setup-secrets.sealed").stat().st_mode & 0o077 == 0
    run_secrets("octo/app", "", remove=False)
    said = capsys.readouterr().out
    assert "INDEX_TOKEN" in said
    assert VALUE not in said
    run_secrets("octo/app", "INDEX_TOKEN", remove=True)
    assert unseal_setup_secrets(place, key_path(place, None)) == {}


@pytest.mark.parametrize(
    ("repository", "name", "value", "part"),
    [
        ("octo", "TOKEN", VALUE, "no repository"),
        ("octo/app", "A B", VALUE, "name of a secret"),
        ("octo/app", "PATH", VALUE, "name of a secret"),
        ("octo/app", "LD_PRELOAD", VALUE, "name of a secret"),
        ("octo/app", "TOKEN", "short", "at least 8"),
    ],
)
def test_what_can_not_be_one_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch, repository: str, name: str, value: str, part: str
) -> None:
    give(monkeypatch, value)
    with pytest.raises(SettingsFault, match=part):
        run_secrets(repository, name, remove=False)
    assert not (place / "setup-secrets.sealed").exists()
