CREATE TABLE work_tree (
  task TEXT NOT NULL,
  seq INTEGER NOT NULL,
  tree TEXT NOT NULL,
  content BYTEA NOT NULL,
  PRIMARY KEY (task, seq)
);

INSERT INTO schema_version (version) VALUES (4);

INSERT INTO work_tree (task, seq, tree, content)
VALUES ('t-2', 1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '\x00ff01');
