-- Listing what is pending reads this index alone. In the table a payload of many
-- pages lies before most of what is asked for.
DROP INDEX deliveries_due;
CREATE INDEX deliveries_pending ON deliveries (due_at, received_at, guid, event, subject, attempts) WHERE done = 0;
