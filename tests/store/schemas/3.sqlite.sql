CREATE TABLE mark (
  name TEXT NOT NULL,
  at FLOAT NOT NULL,
  PRIMARY KEY (name)
);

INSERT INTO schema_version (version) VALUES (3);

INSERT INTO mark (name, at) VALUES ('comments', 6.5);
