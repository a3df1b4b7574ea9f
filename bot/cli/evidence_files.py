"""A task's signed evidence as files, as `pullwright verify` reads them: the record, its signature, the public keys."""

from pathlib import Path
from typing import Final

from bot.domain.ids import TaskId
from bot.errors import ForPerson
from bot.store.database import Database
from bot.store.evidence import EvidenceKeys, EvidenceRecords, SignedRecord
from bot.verify.signature import PUBLIC_NAME

RECORD_NAME: Final = "evidence.json"
SIGNATURE_NAME: Final = "evidence.json.sig"


def write_evidence(database: Database, task: TaskId, folder: Path, old_data_dir: Path) -> bool:
    """Into `folder`, which is made; False where there is none of this task, and nothing is written.

    `old_data_dir`: where a host kept the records of its tasks before they stood in the database. Raises ForPerson where
    they can't be written.
    """
    found = EvidenceRecords(database).find(task) or _find_old(old_data_dir / "evidence", task)
    if found is None:
        return False
    public = b"".join(EvidenceKeys(database).list_public())
    files = {RECORD_NAME: found.record, SIGNATURE_NAME: found.signature, PUBLIC_NAME: public}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise ForPerson(f"{folder} can't be written: {error.strerror}.", "Name another folder.") from error
    return True


def _find_old(folder: Path, task: TaskId) -> SignedRecord | None:
    place = next((one for one in folder.glob("*") if one.name == task), None)  # a name, never a path
    if place is None:
        return None
    try:
        return SignedRecord((place / RECORD_NAME).read_bytes(), (place / SIGNATURE_NAME).read_bytes())
    except FileNotFoundError:  # died between the two: the task went on, and it is in the database
        return None
    except OSError as error:
        raise ForPerson(f"{place} can't be read: {error.strerror}.", "Check its owner.") from error
