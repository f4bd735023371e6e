-- A table that nobody ingests into, of the shape of leaves as it is now: columns, indexes and 100 leaves.
DROP TABLE IF EXISTS leaves_plain;
CREATE TABLE leaves_plain (LIKE leaves INCLUDING INDEXES) PARTITION BY RANGE (event_time);
SELECT format('CREATE TABLE %I PARTITION OF leaves_plain %s', 'plain_' || c.relname, pg_get_expr(c.relpartbound, c.oid))
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'leaves'::regclass \gexec
