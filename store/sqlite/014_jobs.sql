-- The jobs of a run, one row each, so that what a message changes is written and not
-- the whole run. A run's own document has no jobs.
CREATE TABLE jobs (
  run_id   TEXT    NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  place    INTEGER NOT NULL, -- in the run, from 0 on
  document TEXT    NOT NULL,
  PRIMARY KEY (run_id, place)
) STRICT;
INSERT INTO jobs (run_id, place, document)
  SELECT runs.id, job.key, job.value FROM runs, json_each(runs.document, '$.jobs') AS job WHERE job.key IS NOT NULL;
UPDATE runs SET document = json_remove(document, '$.jobs') WHERE json_type(document, '$.jobs') IS NOT NULL;
