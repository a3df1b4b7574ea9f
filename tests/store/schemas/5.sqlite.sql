CREATE TABLE dashboard (
  repository BIGINT NOT NULL,
  installation BIGINT NOT NULL,
  full_name TEXT NOT NULL,
  default_branch TEXT NOT NULL,
  bounds TEXT DEFAULT '{}' NOT NULL,
  fault TEXT DEFAULT '' NOT NULL,
  previewed_at FLOAT,
  issue INTEGER DEFAULT '0' NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  written INTEGER DEFAULT '0' NOT NULL,
  PRIMARY KEY (repository)
);

CREATE TABLE schedule (
  repository BIGINT NOT NULL,
  name TEXT NOT NULL,
  spec TEXT NOT NULL,
  next_at FLOAT NOT NULL,
  wanted_by TEXT DEFAULT '' NOT NULL,
  pause TEXT DEFAULT '' NOT NULL,
  woken_at FLOAT DEFAULT '0' NOT NULL,
  PRIMARY KEY (repository, name)
);

CREATE INDEX schedule_by_time ON schedule (next_at);

CREATE TABLE schedule_run (
  repository BIGINT NOT NULL,
  name TEXT NOT NULL,
  slot BIGINT NOT NULL,
  task TEXT DEFAULT '' NOT NULL,
  begun_at FLOAT NOT NULL,
  ended_at FLOAT,
  result TEXT DEFAULT '' NOT NULL,
  detail TEXT DEFAULT '' NOT NULL,
  pull INTEGER DEFAULT '0' NOT NULL,
  pushed TEXT DEFAULT '' NOT NULL,
  base TEXT DEFAULT '' NOT NULL,
  title TEXT DEFAULT '' NOT NULL,
  PRIMARY KEY (repository, name, slot)
);

CREATE INDEX schedule_run_open ON schedule_run (task) WHERE ended_at is null;

INSERT INTO schema_version (version) VALUES (5);

INSERT INTO dashboard (repository, installation, full_name, default_branch, bounds, previewed_at, issue, version, written)
VALUES (5000000000, 100, 'octo/r10', 'main', '{"open_pulls": 3, "pulls_per_day": 2, "usd_per_week": 4.5}', 2.0, 4, 5, 4);

INSERT INTO schedule (repository, name, spec, next_at, wanted_by, pause, woken_at)
VALUES (5000000000, 'sums', '{"when":"weekly mon","uses":null,"prompt":"Sums","zone":"UTC","usd":null,"draft":false}',
  604800.0, 'ada', '', 1.0);

INSERT INTO schedule_run (repository, name, slot, task, begun_at, ended_at, result, detail, pull, pushed, base, title)
VALUES (5000000000, 'sums', 5000000001, 't-m1', 3.0, 4.0, 'opened', 'Opened.', 13,
  'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'cccccccccccccccccccccccccccccccccccccccc', 'Sums');
