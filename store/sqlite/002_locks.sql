CREATE TABLE locks (
  key             TEXT PRIMARY KEY,
  fence           INTEGER NOT NULL,            -- only grows, so a row is never deleted
  repository_id   INTEGER NOT NULL DEFAULT 0,  -- of the holder; 0 when the lock is free
  pull_request    INTEGER NOT NULL DEFAULT 0,
  owner           TEXT    NOT NULL DEFAULT '',
  name            TEXT    NOT NULL DEFAULT '',
  installation_id INTEGER NOT NULL DEFAULT 0,
  project         TEXT    NOT NULL DEFAULT '',
  taken_at        INTEGER,
  used_at         INTEGER,
  warned_at       INTEGER,
  busy            TEXT    NOT NULL DEFAULT '', -- id of a run
  closing         INTEGER NOT NULL DEFAULT 0,
  dirty           INTEGER NOT NULL DEFAULT 0,
  applied         INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE lock_waiters (
  id              INTEGER PRIMARY KEY,
  repository_id   INTEGER NOT NULL,
  pull_request    INTEGER NOT NULL,
  owner           TEXT    NOT NULL,
  name            TEXT    NOT NULL,
  installation_id INTEGER NOT NULL,
  since           INTEGER NOT NULL,
  projects        TEXT    NOT NULL,            -- names and keys as JSON
  UNIQUE (repository_id, pull_request)         -- one place in the line
);

CREATE TABLE lock_line (
  last_waiter INTEGER NOT NULL                 -- the greatest id that a waiter ever had
);
INSERT INTO lock_line VALUES (0);

CREATE TABLE closed_pulls (
  repository_id INTEGER NOT NULL,
  pull_request  INTEGER NOT NULL,
  closed_at     INTEGER NOT NULL,
  PRIMARY KEY (repository_id, pull_request)
) WITHOUT ROWID;

CREATE TABLE consumed_plans (
  plan_job    TEXT PRIMARY KEY,                -- a plan is applied once, ever: never deleted
  apply_job   TEXT    NOT NULL,
  consumed_at INTEGER NOT NULL
) WITHOUT ROWID;
