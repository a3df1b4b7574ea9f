"""The tables of the product's own truth. One database; the engine keeps its own tables beside them.

Plain types that SQLite and PostgreSQL share: text, integers, floats (seconds since the epoch), JSON as text.
Never holds a secret in plain text: payloads are GitHub's, bodies of events are the agent's, tokens stay in memory, and
what processes share is sealed before it comes here (`shared_secrets.py`).
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    literal_column,
    text,
)

metadata = MetaData()

delivery = Table(
    "delivery",
    metadata,
    Column("id", Text, primary_key=True),  # X-GitHub-Delivery
    Column("event", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),  # the signed bytes
    Column("received_at", Float, nullable=False),
    Column("state", Text, nullable=False),  # stored, done
    Column("verdict", Text, nullable=False, server_default=""),  # task, refused, ignored
    Column("reason", Text, nullable=False, server_default=""),  # a word of domain/outcomes.py
    Column("detail", Text, nullable=False, server_default=""),
    Column("task", Text),
    Column("handled_at", Float),
    CheckConstraint("state in ('stored', 'done')", name="delivery_state"),
)
IS_WAITING: Final = delivery.c.state == literal_column("'stored'")
"""A delivery that is not decided yet, in the words of its index: with a parameter each row would be opened to see."""
Index("delivery_waiting", delivery.c.received_at, sqlite_where=text("state = 'stored'"),
      postgresql_where=text("state = 'stored'"))  # fmt: skip

task = Table(
    "task",
    metadata,
    Column("id", Text, primary_key=True),  # t-<comment id>
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),  # domain TaskStatus
    Column("active_key", Text, nullable=False),  # <repository id>#<issue>
    Column("installation", BigInteger, nullable=False),
    Column("repository", BigInteger, nullable=False),
    Column("request", Text, nullable=False),  # JSON of the TaskRequest
    Column("priority", Integer, nullable=False),  # lower is sooner
    Column("created_at", Float, nullable=False),
    Column("epoch", Integer, nullable=False, server_default="0"),
    Column("segment", Integer, nullable=False, server_default="0"),  # grows with each admission
    Column("attempts", Integer, nullable=False, server_default="0"),  # of the phase that it is in
    Column("worker", Text, nullable=False, server_default=""),
    Column("phase", Text, nullable=False),
    Column("facts", Text, nullable=False, server_default="{}"),
    Column("next_at", Float),  # WAITING: not before; None: until somebody says so
    Column("outcome", Text, nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),
    Column("finished_at", Float),
)
Index(
    "task_one_active",
    task.c.active_key,
    unique=True,
    sqlite_where=text("status <> 'finished'"),
    postgresql_where=text("status <> 'finished'"),
)
Index("task_by_status", task.c.status, task.c.priority, task.c.created_at)

task_event = Table(
    "task_event",
    metadata,
    Column("task", Text, ForeignKey("task.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),  # JSON
    Column("at", Float, nullable=False),
)

effect = Table(
    "effect",
    metadata,
    Column("key", Text, primary_key=True),  # <task>:<name>
    Column("task", Text, nullable=False),
    Column("state", Text, nullable=False),  # planned, sending, done
    Column("epoch", Integer, nullable=False),
    Column("sent_at", Float),
    Column("result", Text, nullable=False, server_default=""),  # JSON
    CheckConstraint("state in ('planned', 'sending', 'done')", name="effect_state"),
)
IS_OPEN: Final = effect.c.state != literal_column("'done'")
"""An effect that was not read back, in the words of its index."""
EFFECT_OPEN: Final = Index(
    "effect_open",
    effect.c.task,
    sqlite_where=text("state <> 'done'"),
    postgresql_where=text("state <> 'done'"),
)

spending = Table(
    "spending",
    metadata,
    Column("task", Text, primary_key=True),
    Column("active_key", Text, nullable=False),  # <repository id>#<issue>
    Column("requester", BigInteger, nullable=False),
    Column("repository", BigInteger, nullable=False),
    Column("at", Float, nullable=False),  # of the first amount
    Column("tokens", BigInteger, nullable=False),
    Column("money_usd", Float, nullable=False),
)
Index("spending_by_time", spending.c.at)
Index("spending_by_issue", spending.c.active_key)

worker = Table(
    "worker",
    metadata,
    Column("id", Text, primary_key=True),  # unique for each start
    Column("started_at", Float, nullable=False),
    Column("beat_at", Float, nullable=False),
)

work_tree = Table(
    "work_tree",
    metadata,
    Column("task", Text, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("tree", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),  # what it changes in its base, packed
)

evidence = Table(
    "evidence",
    metadata,
    Column("task", Text, primary_key=True),
    Column("record", LargeBinary, nullable=False),  # evidence.json, byte for byte as it was signed
    Column("signature", LargeBinary, nullable=False),  # evidence.json.sig
    Column("at", Float, nullable=False),
)

evidence_key = Table(
    "evidence_key",
    metadata,
    Column("id", Text, primary_key=True),  # verify/signature.py
    Column("public", LargeBinary, nullable=False),  # PEM
)

evidence_signer = Table(
    "evidence_signer",
    metadata,
    Column(
        "sealed_by", Text, primary_key=True
    ),  # the App's key that opens it: whoever has that signs with this
    Column("key", Text, ForeignKey("evidence_key.id"), nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # the private half
    Column("at", Float, nullable=False),  # since when it signs
)

setup_secret = Table(
    "setup_secret",
    metadata,
    Column("repository", Text, primary_key=True),  # owner/name in small letters
    Column("name", Text, primary_key=True),
    Column("sealed_by", Text, nullable=False),  # the App's key that opens it
    Column("sealed", LargeBinary, nullable=False),
)

mark = Table(
    "mark",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", Float, nullable=False),  # until when something was looked at
)

dashboard = Table(
    "dashboard",
    metadata,
    Column("repository", BigInteger, primary_key=True),  # one that has schedules, or had
    Column("installation", BigInteger, nullable=False),
    Column("full_name", Text, nullable=False),
    Column("default_branch", Text, nullable=False),
    Column("bounds", Text, nullable=False, server_default="{}"),  # JSON: what schedules may use here
    Column("fault", Text, nullable=False, server_default=""),  # why the repository's file can't be used
    Column("previewed_at", Float),  # the first run that was shown and not proposed
    Column("issue", Integer, nullable=False, server_default="0"),
    Column("version", Integer, nullable=False, server_default="1"),  # grows with everything that it tells
    Column("written", Integer, nullable=False, server_default="0"),  # the version that stands there
)

schedule = Table(
    "schedule",
    metadata,
    Column("repository", BigInteger, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("spec", Text, nullable=False),  # JSON of the ScheduleConfig, its zone filled in
    Column("next_at", Float, nullable=False),
    Column("wanted_by", Text, nullable=False, server_default=""),  # who ticked "run now"
    Column("pause", Text, nullable=False, server_default=""),  # a word of domain Pause
    Column("woken_at", Float, nullable=False, server_default="0"),  # results before do not count against it
)
Index("schedule_by_time", schedule.c.next_at)

schedule_run = Table(
    "schedule_run",
    metadata,
    Column("repository", BigInteger, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("slot", BigInteger, primary_key=True),  # seconds since the epoch: the same turn begins once
    Column("task", Text, nullable=False, server_default=""),  # empty: nothing was begun
    Column("begun_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("result", Text, nullable=False, server_default=""),  # a word of domain ScheduleResult
    Column("detail", Text, nullable=False, server_default=""),
    Column("pull", Integer, nullable=False, server_default="0"),
    Column("pushed", Text, nullable=False, server_default=""),  # the commit that it left on the branch
    Column("base", Text, nullable=False, server_default=""),  # what that stands on
    Column("title", Text, nullable=False, server_default=""),
    Column("report", Text, nullable=False, server_default=""),  # the address of a comment
)
Index("schedule_run_open", schedule_run.c.task, sqlite_where=text("ended_at is null"),
      postgresql_where=text("ended_at is null"))  # fmt: skip

write_turn = Table(
    "write_turn",
    metadata,
    Column("installation", BigInteger, primary_key=True),
    Column("next_at", Float, nullable=False),  # no write is begun before: the spacing, or a limit of GitHub's
    Column("holder", Text, nullable=False, server_default=""),  # the worker that writes; empty: nobody
    Column("held_until", Float, nullable=False, server_default="0"),  # then the holder is taken for dead
)

schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True))
