CREATE TABLE spending (
  task TEXT NOT NULL,
  active_key TEXT NOT NULL,
  requester BIGINT NOT NULL,
  repository BIGINT NOT NULL,
  at FLOAT NOT NULL,
  tokens BIGINT NOT NULL,
  money_usd FLOAT NOT NULL,
  PRIMARY KEY (task)
);

CREATE INDEX spending_by_issue ON spending (active_key);

CREATE INDEX spending_by_time ON spending (at);

INSERT INTO schema_version (version) VALUES (2);

INSERT INTO spending (task, active_key, requester, repository, at, tokens, money_usd)
VALUES ('t-2', '10#2', 7, 10, 8.0, 5000000000, 0.25);
