"""What processes on one database share: one key for all, whoever comes first, and nothing to read for others."""

import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from httpx2 import Response
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from bot.cli.tasks import run_evidence
from bot.cli.verify import VerifyOptions, run_verify
from bot.compose import build_webhook, open_database, open_shared_secrets
from bot.domain.admission import AdmissionLimits
from bot.errors import ForPerson, SettingsFault, StoreFault
from bot.settings import Settings, load_settings
from bot.shared_secrets import SealingKey, SharedSecrets
from bot.store.database import Database
from bot.store.evidence import EvidenceKeys, EvidenceRecords, SignedRecord
from bot.store.migrations import migrate
from bot.store.schema import evidence_signer, setup_secret
from bot.store.tasks import Tasks, insert_task
from bot.verify.evidence_file import render_evidence
from bot.verify.signature import Signer, is_genuine, make_signer
from tests.store.conftest import database, url  # noqa: F401 - fixtures
from tests.store.requests import request
from tests.texts.examples import CHECKED

VALUE = "token-of-sixteen"
Machine = Callable[[str], Settings]
RECORD = render_evidence(CHECKED)


@cache
def app_key(number: int) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def share(opened: Database, app: str) -> SharedSecrets:
    return SharedSecrets(opened, SealingKey(app), lambda: 1.0)


# -- sealing ------------------------------------------------------------------------------------------------------


def test_what_was_sealed_is_opened_by_the_same_key_of_the_app_however_it_is_written() -> None:
    sealed = SealingKey(app_key(1)).seal("a purpose", b"content")
    key = load_pem_private_key(app_key(1).encode(), password=None)
    other_form = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    assert other_form != app_key(1)
    for pem in (app_key(1), other_form, app_key(1).replace("\n", "\r\n")):
        again = SealingKey(pem)
        assert again.id == SealingKey(app_key(1)).id
        assert again.unseal("a purpose", sealed) == b"content"
    assert b"content" not in sealed


def test_nothing_else_opens_it() -> None:
    sealing = SealingKey(app_key(1))
    sealed = sealing.seal("a purpose", b"content")
    assert SealingKey(app_key(2)).id != sealing.id
    for key, purpose, token in (
        (SealingKey(app_key(2)), "a purpose", sealed),
        (sealing, "another purpose", sealed),
        (sealing, "a purpose", sealed[:-1] + b"x"),
        (sealing, "a purpose", b""),
    ):
        with pytest.raises(StoreFault, match="purpose was changed"):
            key.unseal(purpose, token)


@pytest.mark.parametrize("pem", ["", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"])
def test_an_apps_key_that_is_none_is_a_fault_of_the_settings(pem: str) -> None:
    with pytest.raises(SettingsFault, match="private key"):
        SealingKey(pem)


def test_a_key_of_another_kind_is_none() -> None:
    with pytest.raises(SettingsFault, match="no RSA key"):
        SealingKey(make_signer().export().decode())


# -- the key that signs -------------------------------------------------------------------------------------------


def test_the_private_half_is_nowhere_in_plain_text(tmp_path: Path, database: Database) -> None:  # noqa: F811
    signer = share(database, app_key(1)).open_signer(tmp_path / "keys")
    with database.read() as connection:
        (row,) = connection.execute(sa.select(evidence_signer))
    secret = b"".join(signer.export().splitlines()[1:-1])
    assert secret not in b"".join(str(one).encode() for one in row)
    assert b"PRIVATE" not in row.sealed
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert secret not in path.read_bytes()
    assert not (tmp_path / "keys").exists()


def test_a_key_that_a_host_had_signs_for_all_from_now_on(tmp_path: Path, database: Database) -> None:  # noqa: F811
    old = keep_old(tmp_path / "one")
    signature = old.sign(RECORD)
    assert share(database, app_key(1)).open_signer(tmp_path / "one").id == old.id
    assert share(database, app_key(1)).open_signer(tmp_path / "elsewhere").id == old.id
    second = keep_old(tmp_path / "two")
    assert share(database, app_key(1)).open_signer(tmp_path / "two").id == old.id
    public = EvidenceKeys(database).list_public()
    assert public == (old.public, second.public), "what either has signed stays genuine"
    assert is_genuine(b"".join(public), RECORD, signature)
    assert is_genuine(b"".join(public), RECORD, second.sign(RECORD))


def keep_old(folder: Path) -> Signer:
    """As a version before this one did."""
    folder.mkdir()
    signer = make_signer()
    (folder / "evidence.pem").write_bytes(signer.export())
    return signer


def test_another_key_of_the_app_signs_anew_and_the_old_signatures_stay_genuine(
    tmp_path: Path,
    database: Database,  # noqa: F811
) -> None:
    before = share(database, app_key(1)).open_signer(tmp_path)
    after = share(database, app_key(2)).open_signer(tmp_path)
    assert after.id != before.id
    assert share(database, app_key(1)).open_signer(tmp_path).id == before.id, "while both are in use"
    public = b"".join(EvidenceKeys(database).list_public())
    assert is_genuine(public, RECORD, before.sign(RECORD))
    assert is_genuine(public, RECORD, after.sign(RECORD))


def test_a_row_that_somebody_changed_is_no_new_key(tmp_path: Path, database: Database) -> None:  # noqa: F811
    share(database, app_key(1)).open_signer(tmp_path)
    with database.write() as connection:
        connection.execute(evidence_signer.update().values(sealed=b"changed"))
    with pytest.raises(StoreFault, match="the key of the evidence was changed"):
        share(database, app_key(1)).open_signer(tmp_path)


def open_in_a_process(place: tuple[str, str, str]) -> str:
    at, app, folder = place
    with closing(Database(at)) as opened:
        return share(opened, app).open_signer(Path(folder)).id


def test_processes_that_make_the_key_at_once_agree(tmp_path: Path, url: str) -> None:  # noqa: F811
    with closing(Database(url)) as opened:
        migrate(opened)
    places = [(url, app_key(1), str(tmp_path / str(number))) for number in range(6)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert len(set(pool.map(open_in_a_process, places))) == 1


# -- secrets of set-ups -------------------------------------------------------------------------------------------


def test_a_secret_that_one_process_stores_is_opened_by_every_other(url: str, database: Database) -> None:  # noqa: F811
    share(database, app_key(1)).keep_setup_secret("Octo/App", "TOKEN", VALUE)
    with closing(Database(url)) as opened:
        other = share(opened, app_key(1))
        assert other.open_setup_secrets("octo/APP") == {"TOKEN": VALUE}
        assert other.open_setup_secrets("octo/other") == {}
        other.keep_setup_secret("octo/app", "TOKEN", VALUE * 2)
        other.keep_setup_secret("octo/app", "ANOTHER", VALUE)
    here = share(database, app_key(1))
    assert here.open_setup_secrets("octo/app") == {"ANOTHER": VALUE, "TOKEN": VALUE * 2}
    here.keep_setup_secret("Octo/App", "TOKEN", None)
    here.keep_setup_secret("octo/app", "NONE", None)
    assert here.open_setup_secrets("octo/app") == {"ANOTHER": VALUE}


def test_a_secret_is_nowhere_in_plain_text(tmp_path: Path, database: Database) -> None:  # noqa: F811
    share(database, app_key(1)).keep_setup_secret("octo/app", "TOKEN", VALUE)
    with database.read() as connection:
        (row,) = connection.execute(sa.select(setup_secret))
    assert VALUE not in str(tuple(row))
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert VALUE.encode() not in path.read_bytes()


def test_a_secret_of_another_key_of_the_app_is_named_and_never_left_out(database: Database) -> None:  # noqa: F811
    share(database, app_key(1)).keep_setup_secret("octo/app", "TOKEN", VALUE)
    rotated = share(database, app_key(2))
    rotated.keep_setup_secret("octo/app", "NEW_ONE", VALUE)
    with pytest.raises(SettingsFault, match=r"`TOKEN` of octo/app.*pullwright secrets octo/app TOKEN"):
        rotated.open_setup_secrets("octo/app")
    assert rotated.list_setup_secrets("Octo/App") == {"NEW_ONE": True, "TOKEN": False}
    rotated.keep_setup_secret("octo/app", "TOKEN", VALUE)
    assert rotated.open_setup_secrets("octo/app") == {"NEW_ONE": VALUE, "TOKEN": VALUE}


def test_a_secret_can_not_be_put_under_another_name_or_repository(database: Database) -> None:  # noqa: F811
    """Whoever writes the database would have it handed to a set-up of his own."""
    shared = share(database, app_key(1))
    shared.keep_setup_secret("octo/app", "TOKEN", VALUE)
    for changed in ({"repository": "eve/evil"}, {"name": "OTHER"}):
        with database.write() as connection:
            connection.execute(setup_secret.update().values(**changed))
        with pytest.raises(StoreFault, match="was changed"):
            shared.open_setup_secrets(changed.get("repository", "eve/evil"))


def keep_old_secrets(data_dir: Path, secrets: dict[str, dict[str, str]]) -> Path:
    """As a version before this one did; the vault's key."""
    data_dir.mkdir(exist_ok=True)
    key = data_dir / "vault.key"
    if not key.exists():
        key.write_bytes(Fernet.generate_key())
    sealed = Fernet(key.read_bytes()).encrypt(json.dumps(secrets).encode())
    (data_dir / "setup-secrets.sealed").write_bytes(sealed)
    return key


def test_secrets_that_a_host_had_are_adopted_once(tmp_path: Path, database: Database) -> None:  # noqa: F811
    shared, place = share(database, app_key(1)), tmp_path / "data"
    shared.keep_setup_secret("octo/app", "TOKEN", VALUE)
    key = keep_old_secrets(
        place, {"octo/app": {"TOKEN": "of before " * 2, "OLD": VALUE}, "octo/b": {"B": VALUE}}
    )
    shared.adopt_setup_secrets(place, key)
    assert shared.open_setup_secrets("octo/app") == {"OLD": VALUE, "TOKEN": VALUE}, (
        "what was stored since holds"
    )
    assert shared.open_setup_secrets("octo/b") == {"B": VALUE}
    assert not (place / "setup-secrets.sealed").exists()
    assert (place / "setup-secrets.differ.sealed").exists(), "nobody can tell which of the two was newer"
    shared.keep_setup_secret("octo/b", "B", None)
    shared.adopt_setup_secrets(place, key)
    assert shared.open_setup_secrets("octo/b") == {}, "what was removed does not come back"


def test_what_two_hosts_had_alike_is_adopted_without_a_word_and_leaves_nothing(
    tmp_path: Path,
    database: Database,  # noqa: F811
) -> None:
    shared = share(database, app_key(1))
    with capture_logs() as log:
        for host in ("a", "b"):
            key = keep_old_secrets(tmp_path / host, {"Octo/App": {"TOKEN": VALUE}})
            shared.adopt_setup_secrets(tmp_path / host, key)
            assert [one.name for one in (tmp_path / host).iterdir()] == ["vault.key"]
    assert [(one["event"], one["names"]) for one in log] == [
        ("setup_secrets.adopted", 1), ("setup_secrets.adopted", 0),
    ]  # fmt: skip


def test_a_copy_that_can_be_opened_goes_before_a_row_that_can_not(
    tmp_path: Path,
    database: Database,  # noqa: F811
) -> None:
    share(database, app_key(2)).keep_setup_secret("octo/app", "TOKEN", "of another key")
    shared, place = share(database, app_key(1)), tmp_path / "data"
    shared.adopt_setup_secrets(place, keep_old_secrets(place, {"octo/app": {"TOKEN": VALUE}}))
    assert shared.open_setup_secrets("octo/app") == {"TOKEN": VALUE}


def test_a_file_of_secrets_that_can_not_be_opened_is_named_and_left(
    tmp_path: Path,
    database: Database,  # noqa: F811
) -> None:
    key = keep_old_secrets(tmp_path / "data", {"octo/app": {"TOKEN": VALUE}})
    shared = share(database, app_key(1))
    with pytest.raises(SettingsFault, match="can't be opened"):
        shared.adopt_setup_secrets(tmp_path / "data", tmp_path / "none")
    key.write_bytes(Fernet.generate_key())
    with pytest.raises(SettingsFault, match="not sealed with the key"):
        shared.adopt_setup_secrets(tmp_path / "data", key)
    assert (tmp_path / "data" / "setup-secrets.sealed").exists()


# -- three machines -----------------------------------------------------------------------------------------------


@pytest.fixture
def machine(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Machine:  # noqa: F811
    """The settings of a process with a data directory of its own."""
    monkeypatch.chdir(tmp_path)

    def settings(name: str) -> Settings:
        given = {
            "PULLWRIGHT_APP_ID": "1",
            "PULLWRIGHT_PRIVATE_KEY": app_key(1),
            "PULLWRIGHT_WEBHOOK_SECRETS": "a secret of the test",
            "PULLWRIGHT_DATA_DIR": str(tmp_path / name),
            "PULLWRIGHT_DATABASE_URL": url,
            "OPENAI_API_KEY": "none",
        }
        for variable, value in given.items():
            monkeypatch.setenv(variable, value)
        return load_settings()

    return settings


def work_on(settings: Settings, comment: int) -> str:
    """What a worker leaves of a task: its evidence."""
    with closing(open_database(settings)) as opened:
        signer = open_shared_secrets(settings, opened).open_signer(settings.data_dir / "keys")
        with opened.write() as connection:
            insert_task(connection, request(comment, issue=comment), 0.0)
        Tasks(opened).admit(AdmissionLimits(9, 9, 9), 0.0)
        taken = Tasks(opened).take(request(comment).task_id, settings.data_dir.name)
        signed = SignedRecord(RECORD, signer.sign(RECORD))
        EvidenceRecords(opened).keep(taken.id, taken.epoch, signed, 1.0)
        return taken.id


def ask_receiver(settings: Settings) -> Response:
    with closing(open_database(settings)) as opened, TestClient(build_webhook(settings, opened)) as receiver:
        return receiver.get("/evidence.pub.pem")


def test_any_machine_shows_what_any_other_has_signed(
    tmp_path: Path,
    machine: Machine,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tasks = [work_on(machine("one"), 1), work_on(machine("two"), 2)]
    answer = ask_receiver(machine("three"))
    assert answer.status_code == 200
    assert answer.content.count(b"BEGIN PUBLIC KEY") == 1
    (published := tmp_path / "published.pem").write_bytes(answer.content)
    for task in tasks:
        folder = tmp_path / "export" / task
        assert run_evidence(task, folder) == 0
        assert f"pullwright verify {folder / 'evidence.json'}" in capsys.readouterr().out
        assert run_verify(VerifyOptions(folder / "evidence.json")) == 0
        assert run_verify(VerifyOptions(folder / "evidence.json", key=published)) == 0
        assert "✓ signature: by the key in" in capsys.readouterr().out
    assert not list(tmp_path.glob("*/keys")), "nothing of it lies on one machine alone"
    assert not list(tmp_path.glob("*/evidence"))


def test_a_worker_that_starts_takes_over_what_its_host_had(machine: Machine) -> None:
    settings = machine("one")
    keep_old_secrets(settings.data_dir, {"octo/app": {"TOKEN": VALUE}})
    for name in ("one", "two"):
        settings = machine(name)
        with closing(open_database(settings)) as opened:
            assert open_shared_secrets(settings, opened).open_setup_secrets("octo/app") == {"TOKEN": VALUE}


def test_a_receiver_has_no_key_to_show_before_a_worker_made_one(machine: Machine) -> None:
    assert ask_receiver(machine("three")).status_code == 404


def test_what_a_host_kept_as_files_is_still_found_there(
    tmp_path: Path,
    machine: Machine,
) -> None:
    settings = machine("one")
    settings.data_dir.mkdir()
    old, folder = keep_old(settings.data_dir / "keys"), settings.data_dir / "evidence" / "t-7"
    folder.mkdir(parents=True)
    (folder / "evidence.json").write_bytes(RECORD)
    (folder / "evidence.json.sig").write_bytes(old.sign(RECORD))
    with closing(open_database(settings)) as opened:
        open_shared_secrets(settings, opened).open_signer(settings.data_dir / "keys")
    assert run_evidence("t-7", tmp_path / "export") == 0
    assert run_verify(VerifyOptions(tmp_path / "export" / "evidence.json")) == 0
    for task in ("t-8", "..", "t-7/../t-7"):
        with pytest.raises(ForPerson, match="no evidence"):
            run_evidence(task, tmp_path / "none")
    assert not (tmp_path / "none").exists()
