-- Whose a delivery is, for a fair choice among those that wait; 0 and '' of what
-- is older, which is nobody's in particular.
ALTER TABLE deliveries ADD COLUMN installation_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN repository_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN person TEXT NOT NULL DEFAULT '';
DROP INDEX deliveries_pending;
CREATE INDEX deliveries_pending ON deliveries (due_at, received_at, guid, event, subject, attempts, installation_id, repository_id, person) WHERE done = 0;

-- The same of notices.
ALTER TABLE notices ADD COLUMN installation_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE notices ADD COLUMN repository_id INTEGER NOT NULL DEFAULT 0;
UPDATE notices SET installation_id = json_extract(document, '$.repository.installation_id'),
  repository_id = json_extract(document, '$.repository.id') WHERE sent = 0;
DROP INDEX notices_due;
CREATE INDEX notices_due ON notices (due_at, id, kind, installation_id, repository_id) WHERE sent = 0;

-- Commands that asked for what a waiting run does anyway: what would have been the
-- key of their own run, and the run that they joined.
CREATE TABLE joined_runs (
  key    TEXT PRIMARY KEY,
  run_id TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX runs_active_of_pull ON runs (repository_id, pull_request, id) WHERE active = 1;

-- How much was written to GitHub in a minute (since 1970) for a repository, at
-- most: it is counted ahead.
CREATE TABLE writes (
  installation_id INTEGER NOT NULL,
  repository_id   INTEGER NOT NULL,
  minute          INTEGER NOT NULL,
  n               INTEGER NOT NULL,
  PRIMARY KEY (installation_id, repository_id, minute)
) WITHOUT ROWID;
