-- When what runs was last what the base branch said.
ALTER TABLE locks ADD COLUMN settled_at INTEGER;
