-- The buttons that a check run was posted with, by their identifiers, separated
-- by spaces: who presses one is asked whether it was there.
ALTER TABLE posted ADD COLUMN buttons TEXT NOT NULL DEFAULT '';
