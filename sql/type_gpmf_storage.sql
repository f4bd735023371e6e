-- The type gpmf as a type among others: stored, copied, compared, and read in part.
SET TimeZone = 'UTC';
CREATE SCHEMA storage_test;
SET search_path = storage_test, public, event_pipeline;
SET client_min_messages = warning;
\set camera `od -An -v -tx1 "$PG_ABS_SRCDIR/test/data/gpmf/camera.gpmf" | tr -d ' \n'`
\set drone `od -An -v -tx1 "$PG_ABS_SRCDIR/test/data/gpmf/drone.gpmf" | tr -d ' \n'`
CREATE TABLE logs (name text, log gpmf);
INSERT INTO logs VALUES ('camera', decode(:'camera', 'hex')), ('drone', decode(:'drone', 'hex')), ('again', decode(:'camera', 'hex')), ('none', NULL);

-- deduplication: DISTINCT, GROUP BY, hash join, UNION; an order, so that sorting may serve too
SELECT count(*) FROM (SELECT DISTINCT log FROM logs) x;
SELECT array_agg(name ORDER BY name) FROM logs GROUP BY log ORDER BY 1;
SET enable_nestloop = off;
EXPLAIN (COSTS OFF) SELECT a.name, b.name FROM logs a JOIN logs b USING (log);
SELECT a.name, b.name FROM logs a JOIN logs b USING (log) WHERE a.name < b.name;
RESET enable_nestloop;
SELECT count(*) FROM (SELECT log FROM logs UNION SELECT log FROM logs) x;
CREATE TABLE parts (log gpmf) PARTITION BY HASH (log);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parts SELECT log FROM logs;
SELECT count(*) FROM parts WHERE log = (SELECT log FROM logs WHERE name = 'drone');

-- COPY, as text and binary, out and in
\set text_file `echo "${TMPDIR:-/tmp}/ep_gpmf_text.$PPID"`
\set binary_file `echo "${TMPDIR:-/tmp}/ep_gpmf_binary.$PPID"`
CREATE TABLE copies (LIKE logs);
COPY logs TO :'text_file';
COPY copies FROM :'text_file';
COPY logs TO :'binary_file' (FORMAT binary);
COPY copies FROM :'binary_file' (FORMAT binary);
\set remove 'rm -f ' :text_file ' ' :binary_file
COPY (SELECT) TO PROGRAM :'remove';
SELECT name, count(*), count(log), count(DISTINCT log) FROM copies c GROUP BY name ORDER BY name;
SELECT count(*) FROM copies c JOIN logs l USING (name) WHERE c.log = l.log;
SELECT octet_length(gpmf_send(log)) = length(log::bytea) FROM logs WHERE name = 'camera';

-- a log of three devices, 600 kB, stored out of line
CREATE TABLE large (log gpmf);
INSERT INTO large SELECT string_agg(
    '\x444556430004c35a'::bytea || '\x445649444c040001' || int4send(n) || '\x44564e4d63010004' || convert_to('Cam' || n, 'UTF8')
    || '\x5354524d0004c352' || '\x4441544142c803e8' || decode(repeat('00', 200000), 'hex'), '' ORDER BY n)::gpmf
FROM generate_series(1, 3) n;
SELECT typstorage FROM pg_type WHERE typname = 'gpmf';
SELECT length(log::bytea), pg_column_size(log), gpmf_device_names(log) FROM large;
-- names need the headers alone
CREATE FUNCTION buffers(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb;
    least_count bigint;
BEGIN
    -- The least of some: what the caches of the session have to read again is not meant.
    FOR i IN 1..5 LOOP
        EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT json) ' || query INTO plan;
        least_count := least(least_count, (plan #>> '{0,Plan,Shared Hit Blocks}')::bigint + (plan #>> '{0,Plan,Shared Read Blocks}')::bigint);
    END LOOP;
    RETURN least_count;
END $$;
SELECT buffers('SELECT gpmf_device_names(log) FROM large') * 5 < buffers('SELECT gpmf_hash(log) FROM large') AS names_are_cheap;
SELECT l.name, gpmf_device_names(l.log) = ARRAY(SELECT DISTINCT ON (device_id) device_name FROM gpmf_streams(l.log) ORDER BY device_id) AS same FROM logs l WHERE log IS NOT NULL ORDER BY 1;
SELECT provolatile, proisstrict, proparallel, count(*) FROM pg_proc WHERE pronamespace = 'event_pipeline'::regnamespace AND proname ~ '^gpmf' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
DROP TABLE logs, copies, large, parts;
