"""`pullwright secrets`: stored sealed, listed by name, removed; never shown."""

import io
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bot.cli.secrets import run_secrets
from bot.compose import open_database, open_shared_secrets
from bot.errors import SettingsFault
from bot.settings import load_settings
from tests.test_shared_secrets import app_key

VALUE = "token-of-sixteen"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    given = {
        "PULLWRIGHT_APP_ID": "1",
        "PULLWRIGHT_PRIVATE_KEY": app_key(1),
        "PULLWRIGHT_WEBHOOK_SECRETS": "a secret of the test",
        "PULLWRIGHT_DATA_DIR": str(tmp_path),
        "OPENAI_API_KEY": "none",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def kept(repository: str = "octo/app") -> dict[str, str]:
    """As a worker would have them."""
    settings = load_settings()
    with closing(open_database(settings)) as database:
        return open_shared_secrets(settings, database).open_setup_secrets(repository)


def give(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_a_secret_is_sealed_listed_and_removed(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, VALUE + "\n")
    assert run_secrets("Octo/App", "INDEX_TOKEN", remove=False) == 0
    assert kept() == {"INDEX_TOKEN": VALUE}
    assert not any(VALUE.encode() in path.read_bytes() for path in place.rglob("*") if path.is_file())
    run_secrets("octo/app", "", remove=False)
    said = capsys.readouterr().out
    assert "INDEX_TOKEN" in said
    assert VALUE not in said
    run_secrets("octo/app", "INDEX_TOKEN", remove=True)
    assert kept() == {}
    run_secrets("octo/app", "", remove=False)
    assert capsys.readouterr().out == "none\n"


def test_one_that_another_key_of_the_app_has_sealed_is_listed_as_such(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, VALUE)
    run_secrets("octo/app", "INDEX_TOKEN", remove=False)
    monkeypatch.setenv("PULLWRIGHT_PRIVATE_KEY", app_key(2))
    run_secrets("octo/app", "", remove=False)
    assert capsys.readouterr().out.startswith("INDEX_TOKEN  (stored with another private key of the App")
    run_secrets("octo/app", "INDEX_TOKEN", remove=True)
    assert kept() == {}


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
    assert kept() == {}
