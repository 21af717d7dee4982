-- Who pushed which commits, as webhooks or GitHub's activity said: one row for
-- each commit, account and ref. "new" says that the repository did not have it.
CREATE TABLE pushes (
  repository_id INTEGER NOT NULL,
  sha           TEXT    NOT NULL,
  user_id       INTEGER NOT NULL,
  login         TEXT    NOT NULL,
  ref           TEXT    NOT NULL,
  new           INTEGER NOT NULL,
  at            INTEGER NOT NULL,  -- milliseconds since 1970, UTC
  PRIMARY KEY (repository_id, sha, user_id, ref)
) WITHOUT ROWID;
CREATE INDEX pushes_at ON pushes (at);
