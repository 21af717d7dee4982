-- What a delivery tells of, where GitHub can tell of it under several GUIDs and
-- it must be acted on once; NULL when the GUID is all there is.
ALTER TABLE deliveries ADD COLUMN once TEXT;
CREATE UNIQUE INDEX deliveries_once ON deliveries (once);

-- Since when deliveries have it: of what happened before, nobody knows whether
-- it was acted on. One row, milliseconds since 1970.
CREATE TABLE once_since (at INTEGER NOT NULL);
INSERT INTO once_since VALUES (CAST(strftime('%s', 'now') AS INTEGER) * 1000);
