"""The App's secrets on disk: sealed, private, and opened by their key alone."""

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bot.errors import SettingsFault
from bot.vault import AppSecrets, seal, unseal

SECRETS = AppSecrets(7, "wright", "https://github.com/apps/wright", "the private key", "the webhook secret")


def test_what_was_sealed_is_opened_again(tmp_path: Path) -> None:
    key = tmp_path / "elsewhere" / "key"
    seal(SECRETS, tmp_path / "data", key)
    assert unseal(tmp_path / "data", key) == SECRETS


def test_nothing_sealed_is_nothing(tmp_path: Path) -> None:
    assert unseal(tmp_path, tmp_path / "key") is None


def test_the_files_are_private_and_show_no_secret(tmp_path: Path) -> None:
    sealed = seal(SECRETS, tmp_path, tmp_path / "vault.key")
    for path in (sealed, tmp_path / "vault.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert b"secret" not in path.read_bytes()
    assert "secret" not in repr(SECRETS)
    assert "private key" not in repr(SECRETS)


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    seal(SECRETS, tmp_path, tmp_path / "vault.key")
    (tmp_path / "other").write_bytes(Fernet.generate_key())
    with pytest.raises(SettingsFault, match="not sealed with the key"):
        unseal(tmp_path, tmp_path / "other")


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    sealed = seal(SECRETS, tmp_path, tmp_path / "vault.key")
    raw = bytearray(sealed.read_bytes())
    raw[40] ^= 1
    sealed.write_bytes(bytes(raw))
    with pytest.raises(SettingsFault):
        unseal(tmp_path, tmp_path / "vault.key")


def test_a_second_seal_keeps_the_key(tmp_path: Path) -> None:
    seal(SECRETS, tmp_path, tmp_path / "vault.key")
    before = (tmp_path / "vault.key").read_bytes()
    seal(SECRETS, tmp_path, tmp_path / "vault.key")
    assert (tmp_path / "vault.key").read_bytes() == before
