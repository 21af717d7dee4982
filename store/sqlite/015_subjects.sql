-- What a run is about that a merge queue requested: the commit of a branch, and not the
-- pull request's own. The branch of an older one is not known, and nobody asks for it.
UPDATE runs SET document = json_set(document, '$.branch', 'gh-readonly-queue') WHERE document ->> '$.trigger' = 'queue';
