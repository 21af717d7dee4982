CREATE TABLE deliveries (
  guid        TEXT PRIMARY KEY,
  event       TEXT    NOT NULL,
  subject     TEXT    NOT NULL,            -- what it is about: one subject, one order
  payload     BLOB,                        -- NULL once acted on
  received_at INTEGER NOT NULL,            -- all times: milliseconds since 1970, UTC
  done        INTEGER NOT NULL DEFAULT 0,
  attempts    INTEGER NOT NULL DEFAULT 0,
  due_at      INTEGER NOT NULL,
  cause       TEXT    NOT NULL DEFAULT ''  -- of the last attempt that went wrong
);
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE done = 0;

CREATE TABLE runs (
  id            TEXT PRIMARY KEY,          -- sorts by time of creation
  key           TEXT    NOT NULL UNIQUE,
  repository_id INTEGER NOT NULL,
  pull_request  INTEGER NOT NULL,
  active        INTEGER NOT NULL,
  created_at    INTEGER NOT NULL,
  document      TEXT    NOT NULL           -- the whole run as JSON
);
CREATE INDEX runs_of_pull ON runs (repository_id, pull_request, id);
CREATE INDEX runs_active ON runs (id) WHERE active = 1;

CREATE TABLE notices (
  id         INTEGER PRIMARY KEY,
  kind       TEXT    NOT NULL,
  key        TEXT    NOT NULL,
  version    INTEGER NOT NULL DEFAULT 1,
  sent       INTEGER NOT NULL DEFAULT 0,
  attempts   INTEGER NOT NULL DEFAULT 0,
  due_at     INTEGER NOT NULL DEFAULT 0,
  cause      TEXT    NOT NULL DEFAULT '',
  created_at INTEGER NOT NULL,
  document   TEXT    NOT NULL,
  UNIQUE (kind, key)
);
CREATE INDEX notices_due ON notices (due_at, id) WHERE sent = 0;

CREATE TABLE posted (
  name   TEXT PRIMARY KEY,
  id     INTEGER NOT NULL,
  digest TEXT    NOT NULL
);
