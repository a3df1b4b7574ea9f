ALTER TABLE schedule_run ADD COLUMN report TEXT DEFAULT '' NOT NULL;

INSERT INTO schema_version (version) VALUES (6);

UPDATE schedule_run SET report = 'https://github.com/octo/r10/issues/4#issuecomment-1';
