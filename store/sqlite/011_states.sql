-- Locks that make way, what changed a state last, and what pull requests that are
-- over leave behind.
ALTER TABLE locks ADD COLUMN merged INTEGER NOT NULL DEFAULT 0;
ALTER TABLE locks ADD COLUMN idle INTEGER NOT NULL DEFAULT 0;
ALTER TABLE locks ADD COLUMN plan TEXT NOT NULL DEFAULT '';
ALTER TABLE locks ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
ALTER TABLE locks ADD COLUMN last_repository_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE locks ADD COLUMN last_pull_request INTEGER NOT NULL DEFAULT 0;
ALTER TABLE locks ADD COLUMN last_owner TEXT NOT NULL DEFAULT '';
ALTER TABLE locks ADD COLUMN last_name TEXT NOT NULL DEFAULT '';
ALTER TABLE locks ADD COLUMN last_installation_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE locks ADD COLUMN last_at INTEGER;
ALTER TABLE locks ADD COLUMN last_merged INTEGER NOT NULL DEFAULT 0;

-- What was applied and is not merged was applied by who holds the lock.
UPDATE locks SET last_repository_id = repository_id, last_pull_request = pull_request, last_owner = owner, last_name = name,
	last_installation_id = installation_id, last_at = used_at WHERE applied OR dirty;

ALTER TABLE lock_waiters ADD COLUMN idle INTEGER NOT NULL DEFAULT 0;

CREATE TABLE left_behind (
	repository_id INTEGER NOT NULL,
	pull_request INTEGER NOT NULL,
	project TEXT NOT NULL,
	owner TEXT NOT NULL,
	name TEXT NOT NULL,
	installation_id INTEGER NOT NULL,
	keys TEXT NOT NULL, -- JSON
	merged INTEGER NOT NULL,
	left_at INTEGER NOT NULL,
	PRIMARY KEY (repository_id, pull_request, project)
) STRICT;

CREATE TABLE done_projects (
	key TEXT NOT NULL,
	repository_id INTEGER NOT NULL,
	pull_request INTEGER NOT NULL,
	owner TEXT NOT NULL,
	name TEXT NOT NULL,
	installation_id INTEGER NOT NULL,
	PRIMARY KEY (key, repository_id, pull_request)
) STRICT;

-- The check of who applied something and holds it counts it as done.
INSERT INTO done_projects (key, repository_id, pull_request, owner, name, installation_id)
	SELECT key, repository_id, pull_request, owner, name, installation_id FROM locks WHERE applied AND NOT dirty AND pull_request > 0;
