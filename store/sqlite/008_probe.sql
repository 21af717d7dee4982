-- What a server writes to find out whether it can (store/ready.go). One row.
CREATE TABLE probe (at INTEGER NOT NULL, filler BLOB);
INSERT INTO probe VALUES (0, NULL);
