-- Pull requests that held or waited for a lock before it was noted whose check counts
-- a project as done may have a plan without changes. To be told of what another one
-- applies does no harm to a check that counts nothing.
INSERT OR IGNORE INTO done_projects (key, repository_id, pull_request, owner, name, installation_id)
	SELECT key, repository_id, pull_request, owner, name, installation_id FROM locks WHERE pull_request > 0 AND NOT dirty AND NOT closing;
INSERT OR IGNORE INTO done_projects (key, repository_id, pull_request, owner, name, installation_id)
	SELECT key.value, repository_id, pull_request, owner, name, installation_id
	FROM lock_waiters, json_each(lock_waiters.projects) AS project, json_each(project.value, '$.keys') AS key;
