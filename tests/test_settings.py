"""The operator's settings: complete ones load, faulty ones are all named at once and never shown."""

from pathlib import Path

import pytest

from bot.errors import SettingsFault
from bot.settings import load_settings

COMPLETE = {
    "PULLWRIGHT_APP_ID": "7",
    "PULLWRIGHT_PRIVATE_KEY": "pem",
    "PULLWRIGHT_WEBHOOK_SECRETS": "0123456789abcdef",
    "OPENAI_API_KEY": "sk-x",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Nothing of the developer's own environment, and no .env in the working directory."""
    monkeypatch.chdir(tmp_path)
    import os

    for name in [name for name in os.environ if name.startswith(("PULLWRIGHT_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    return monkeypatch


def given(environment: pytest.MonkeyPatch, **extra: str) -> None:
    for name, value in {**COMPLETE, **extra}.items():
        environment.setenv(name, value)


def test_complete_settings_load(environment: pytest.MonkeyPatch) -> None:
    given(environment)
    settings = load_settings()
    assert settings.app_id == 7
    assert settings.private_key_pem == "pem"
    assert settings.store_url == "sqlite:////var/lib/pullwright/pullwright.db"


def test_nothing_set_names_everything_that_is_needed(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsFault) as fault:
        load_settings()
    assert "PULLWRIGHT_APP_ID: missing" in fault.value.message
    assert "PULLWRIGHT_WEBHOOK_SECRETS: missing" in fault.value.message


def test_a_missing_key_file_and_a_missing_model_key_are_named_together(
    environment: pytest.MonkeyPatch,
) -> None:
    given(environment, PULLWRIGHT_PRIVATE_KEY_PATH="/nowhere/key.pem", OPENAI_API_KEY="")
    with pytest.raises(SettingsFault) as fault:
        load_settings()
    assert "there is no file /nowhere/key.pem" in fault.value.message
    assert "OPENAI_API_KEY" in fault.value.message


def test_a_faulty_value_is_never_shown(environment: pytest.MonkeyPatch) -> None:
    given(environment, PULLWRIGHT_WEBHOOK_SECRETS="too-short-secret,x1y2")
    with pytest.raises(SettingsFault) as fault:
        load_settings()
    assert "at least 16 characters" in fault.value.message
    assert "x1y2" not in str(fault.value)
    assert "x1y2" not in str(fault.value.__cause__)


def test_lists_and_pins_are_split_at_commas(environment: pytest.MonkeyPatch) -> None:
    given(
        environment,
        PULLWRIGHT_WEBHOOK_SECRETS="0123456789abcdef,fedcba9876543210",
        PULLWRIGHT_TOOLCHAINS="/opt/py, /opt/node",
        PULLWRIGHT_EGRESS_PINS="Mirror.example=10.1.2.3/8",
    )
    settings = load_settings()
    assert len(settings.webhook_secrets) == 2
    assert settings.toolchains == ("/opt/py", "/opt/node")
    assert settings.egress_pins == {"mirror.example": "10.0.0.0/8"}


def test_an_env_file_is_read(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("\n".join(f"{name}={value}" for name, value in COMPLETE.items()))
    assert load_settings().app_id == 7


def test_secrets_stay_out_of_representations(environment: pytest.MonkeyPatch) -> None:
    given(environment)
    assert "sk-x" not in repr(load_settings())
    assert "0123456789abcdef" not in repr(load_settings())
