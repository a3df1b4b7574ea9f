"""The operator's settings: complete ones load, faulty ones are all named at once and never shown."""

from pathlib import Path

import pytest

from bot.errors import SettingsFault
from bot.settings import load_local_settings, load_settings
from bot.vault import AppSecrets, seal

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"
COMPLETE = {
    "PULLWRIGHT_APP_ID": "7",
    "PULLWRIGHT_PRIVATE_KEY": PEM,
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
    assert settings.private_key_pem == PEM
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


def test_every_fault_is_named_at_once_with_the_way_to_mend_it(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PULLWRIGHT_PORT", "http")
    environment.setenv("PULLWRIGHT_EGRESS_CA", "/nowhere/ca.pem")
    environment.setenv("PULLWRIGHT_WEBHOOK_SECRETS", "short")
    with pytest.raises(SettingsFault) as fault:
        load_settings()
    for name in ("APP_ID", "PRIVATE_KEY", "WEBHOOK_SECRETS", "PORT", "EGRESS_CA"):
        assert f"PULLWRIGHT_{name}" in fault.value.message
    assert "OPENAI_API_KEY" in fault.value.message
    assert "pullwright setup" in fault.value.remedy


def test_a_key_that_is_no_key_is_named_and_not_shown(environment: pytest.MonkeyPatch) -> None:
    given(environment, PULLWRIGHT_PRIVATE_KEY="sauerkraut")
    with pytest.raises(SettingsFault) as fault:
        load_settings()
    assert "no PEM file" in fault.value.message
    assert "sauerkraut" not in str(fault.value)


def secrets_of_setup() -> AppSecrets:
    return AppSecrets(9, "wright", "https://ghe.example/apps/wright", PEM, "a secret from the vault",
                      api_url="https://ghe.example/api/v3", web_url="https://ghe.example")  # fmt: skip


def test_what_setup_stored_stands_in_for_what_is_not_given(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seal(secrets_of_setup(), tmp_path, tmp_path / "vault.key")
    environment.setenv("PULLWRIGHT_DATA_DIR", str(tmp_path))
    environment.setenv("OPENAI_API_KEY", "sk-x")
    environment.setenv("PULLWRIGHT_WEB_URL", "https://other.example")
    settings = load_settings()
    assert (settings.app_id, settings.private_key_pem) == (9, PEM)
    assert settings.webhook_secrets[0].get_secret_value() == "a secret from the vault"
    assert settings.api_url == "https://ghe.example/api/v3"
    assert settings.web_url == "https://other.example", "what the environment says comes first"


def test_a_vault_without_its_key_is_a_fault_that_says_so(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seal(secrets_of_setup(), tmp_path, tmp_path / "vault.key")
    (tmp_path / "vault.key").write_bytes(b"not a key")
    environment.setenv("PULLWRIGHT_DATA_DIR", str(tmp_path))
    with pytest.raises(SettingsFault, match="no key of the vault"):
        load_settings()


def test_prices_are_given_as_json_or_as_a_file(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = '{"my-model": {"input": 1.5, "output": 6}}'
    given(environment, PULLWRIGHT_PRICES=text, PULLWRIGHT_WIRE="chat")
    by_value = load_settings()
    assert by_value.prices[0][1].input == 1.5
    assert by_value.wire.value == "chat"
    (tmp_path / "prices.json").write_text(text)
    given(environment, PULLWRIGHT_PRICES=str(tmp_path / "prices.json"))
    assert load_settings().prices == by_value.prices


def test_faulty_prices_and_an_unknown_wire_are_named(environment: pytest.MonkeyPatch) -> None:
    given(environment, PULLWRIGHT_PRICES='{"m": {"input": -1}}', PULLWRIGHT_WIRE="telegraph")
    with pytest.raises(SettingsFault) as fault:
        load_settings()
    assert "PULLWRIGHT_PRICES: the prices are not of the form" in fault.value.message
    assert "m.output" in fault.value.message
    assert "PULLWRIGHT_WIRE" in fault.value.message


def test_an_address_of_a_server_without_its_protocol_is_named(environment: pytest.MonkeyPatch) -> None:
    given(environment, OPENAI_BASE_URL="10.0.0.7:8000/v1")
    with pytest.raises(SettingsFault, match="OPENAI_BASE_URL: write the whole address"):
        load_settings()


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
    (tmp_path / ".env").write_text("\n".join(f'{name}="{value}"' for name, value in COMPLETE.items()))
    assert load_settings().app_id == 7


def test_secrets_stay_out_of_representations(environment: pytest.MonkeyPatch) -> None:
    given(environment)
    assert "sk-x" not in repr(load_settings())
    assert "0123456789abcdef" not in repr(load_settings())


def test_the_local_command_needs_no_app_and_trusts_no_env_file(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text('OPENAI_BASE_URL="http://evil.example"\nPULLWRIGHT_BWRAP="/tmp/evil"')
    environment.setenv("OPENAI_API_KEY", "sk-x")
    environment.setenv("XDG_CACHE_HOME", "/cache")
    settings = load_local_settings(model="small")
    assert settings.model == "small"
    assert settings.openai_base_url == ""
    assert settings.bwrap is None
    assert settings.data_dir == Path("/cache/pullwright")


def test_the_local_command_says_what_it_lacks(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsFault, match="OPENAI_API_KEY"):
        load_local_settings()


def test_secrets_lie_in_files_named_like_their_variables(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = tmp_path / "secrets"
    files.mkdir()
    (files / "OPENAI_API_KEY").write_text("sk-from-a-file\n")
    (files / "PULLWRIGHT_WEBHOOK_SECRETS").write_text("aaaaaaaaaaaaaaaa,bbbbbbbbbbbbbbbb\n")
    (files / "vault.key").write_text("read by its path, not by its name")
    given(environment, PULLWRIGHT_SECRETS_DIR=str(files))
    environment.delenv("OPENAI_API_KEY")
    environment.delenv("PULLWRIGHT_WEBHOOK_SECRETS")
    settings = load_settings()
    assert settings.openai_api_key.get_secret_value() == "sk-from-a-file"
    assert len(settings.webhook_secrets) == 2


def test_the_environment_comes_before_the_files(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "OPENAI_API_KEY").write_text("sk-from-a-file")
    given(environment, PULLWRIGHT_SECRETS_DIR=str(tmp_path))
    assert load_settings().openai_api_key.get_secret_value() == "sk-x"


def test_a_missing_directory_of_secrets_is_named_with_the_other_faults(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given(environment, PULLWRIGHT_SECRETS_DIR=str(tmp_path / "none"), PULLWRIGHT_PORT="many")
    with pytest.raises(SettingsFault) as fault:
        load_settings()
    assert "PULLWRIGHT_SECRETS_DIR: there is no directory" in fault.value.message
    assert "PULLWRIGHT_PORT" in fault.value.message
