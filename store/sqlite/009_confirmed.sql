-- Whether GitHub's activity said who pushed. What a webhook alone said may have
-- been made up by somebody who knows its secret. Rows that were there are asked
-- for once more.
ALTER TABLE pushes ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 0;
