CREATE TABLE delivery (
  id TEXT NOT NULL,
  event TEXT NOT NULL,
  body BYTEA NOT NULL,
  received_at FLOAT NOT NULL,
  state TEXT NOT NULL,
  verdict TEXT DEFAULT '' NOT NULL,
  reason TEXT DEFAULT '' NOT NULL,
  detail TEXT DEFAULT '' NOT NULL,
  task TEXT,
  handled_at FLOAT,
  PRIMARY KEY (id),
  CONSTRAINT delivery_state CHECK (state in ('stored', 'done'))
);

CREATE INDEX delivery_waiting ON delivery (received_at) WHERE state = 'stored';

CREATE TABLE effect (
  key TEXT NOT NULL,
  task TEXT NOT NULL,
  state TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  sent_at FLOAT,
  result TEXT DEFAULT '' NOT NULL,
  PRIMARY KEY (key),
  CONSTRAINT effect_state CHECK (state in ('planned', 'sending', 'done'))
);

CREATE TABLE schema_version (
  version SERIAL NOT NULL,
  PRIMARY KEY (version)
);

CREATE TABLE task (
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  status TEXT NOT NULL,
  active_key TEXT NOT NULL,
  installation BIGINT NOT NULL,
  repository BIGINT NOT NULL,
  request TEXT NOT NULL,
  priority INTEGER NOT NULL,
  created_at FLOAT NOT NULL,
  epoch INTEGER DEFAULT '0' NOT NULL,
  segment INTEGER DEFAULT '0' NOT NULL,
  attempts INTEGER DEFAULT '0' NOT NULL,
  worker TEXT DEFAULT '' NOT NULL,
  phase TEXT NOT NULL,
  facts TEXT DEFAULT '{}' NOT NULL,
  next_at FLOAT,
  outcome TEXT DEFAULT '' NOT NULL,
  detail TEXT DEFAULT '' NOT NULL,
  finished_at FLOAT,
  PRIMARY KEY (id)
);

CREATE INDEX task_by_status ON task (status, priority, created_at);

CREATE UNIQUE INDEX task_one_active ON task (active_key) WHERE status <> 'finished';

CREATE TABLE worker (
  id TEXT NOT NULL,
  started_at FLOAT NOT NULL,
  beat_at FLOAT NOT NULL,
  PRIMARY KEY (id)
);

CREATE TABLE task_event (
  task TEXT NOT NULL,
  seq INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  kind TEXT NOT NULL,
  body TEXT NOT NULL,
  at FLOAT NOT NULL,
  PRIMARY KEY (task, seq),
  FOREIGN KEY(task) REFERENCES task (id)
);

INSERT INTO schema_version (version) VALUES (1);

INSERT INTO delivery (id, event, body, received_at, state)
VALUES ('d-3', 'issue_comment', '\x7b00ff7d', 3.5, 'stored');

INSERT INTO delivery (id, event, body, received_at, state, verdict, reason, detail, task, handled_at)
VALUES ('d-1', 'issue_comment', '\x7b7d', 1.5, 'done', 'task', '', 'octo/r10#1', 't-1', 2.5);

INSERT INTO task (id, kind, status, active_key, installation, repository, request, priority, created_at, phase)
VALUES ('t-1', 'change', 'queued', '10#1', 100, 10, '{"installation": 100, "repository": {"id": 10, "full_name": "octo/r10", "default_branch": "main"}, "issue": 1, "issue_title": "It breaks", "issue_body": "Here: \u00e9 \ud83d\ude00", "comment_id": 1, "instruction": "", "requested_by": "ada", "requested_by_id": 7, "requested_at": "2026-03-01T00:00:00Z", "kind": "change"}', 10, 7.0, 'accept');

INSERT INTO task (id, kind, status, active_key, installation, repository, request, priority, created_at, epoch, segment,
  attempts, worker, phase, facts, next_at, outcome, detail, finished_at)
VALUES ('t-2', 'change', 'finished', '10#2', 100, 10, '{"installation": 100, "repository": {"id": 10, "full_name": "octo/r10", "default_branch": "main"}, "issue": 2, "issue_title": "It breaks", "issue_body": "Here: \u00e9 \ud83d\ude00", "comment_id": 2, "instruction": "", "requested_by": "ada", "requested_by_id": 7, "requested_at": "2026-03-01T00:00:00Z", "kind": "change"}', 10, 8.0, 3, 2,
  1, 'host-abc', 'report', '{"pull": 12}', 8.5, 'proven', 'It adds now.', 9.0);

INSERT INTO task_event (task, seq, epoch, kind, body, at) VALUES ('t-2', 1, 3, 'reply', '{"text": "\u00e9"}', 8.25);

INSERT INTO effect (key, task, state, epoch, sent_at, result)
VALUES ('t-2:pull', 't-2', 'done', 3, 8.75, '{"number": 12}');

INSERT INTO worker (id, started_at, beat_at) VALUES ('host-abc', 1.0, 9.5);
