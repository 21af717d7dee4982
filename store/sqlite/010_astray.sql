-- Whether what an apply made is in no backend, so that nothing more is applied under
-- the lock. Of what failed before this was noted, the runs say it.
ALTER TABLE locks ADD COLUMN astray INTEGER NOT NULL DEFAULT 0;
UPDATE locks SET astray = 1 WHERE dirty = 1 AND EXISTS (
  SELECT 1 FROM runs WHERE runs.repository_id = locks.repository_id AND runs.pull_request = locks.pull_request
    AND (document LIKE '%"code":"state_not_remote"%' OR document LIKE '%"code":"state_not_saved"%'));
