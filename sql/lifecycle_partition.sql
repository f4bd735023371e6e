-- The pg_partman adapter: registration, partitions on demand, odd names, rights, settings left alone.
\set SHOW_CONTEXT never
SELECT format('SET search_path = public, event_pipeline, %I', event_pipeline._partman_schema()) AS set_path \gset
:set_path;
SET TimeZone = 'America/New_York';
CREATE SCHEMA "Part Test";
CREATE FUNCTION pg_temp.make(name text, period interval) RETURNS regclass LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE "Part Test".%I (event_time timestamptz NOT NULL, v int) PARTITION BY RANGE (event_time)', name);
    PERFORM event_pipeline._partition_create(format('"Part Test".%I', name)::regclass, 'event_time', period);
    RETURN format('"Part Test".%I', name)::regclass;
END $$;

-- A table by day: no default partition, no template table, now and two periods ahead, settings as they were.
SELECT pg_temp.make('plain', '1 day');
SELECT current_setting('search_path') LIKE 'public, event_pipeline, %' AS same_path;
SHOW TimeZone;
SELECT count(*) AS partitions, count(*) FILTER (WHERE pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT') AS defaults
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = '"Part Test".plain'::regclass;
SELECT control, partition_interval::interval, premake, automatic_maintenance, template_table FROM part_config
WHERE parent_table = 'Part Test.plain';
SELECT count(*) AS templates FROM pg_class WHERE relname LIKE 'template\_%plain%';

-- Years-old times get a partition each; a second call makes none; the bounds are UTC days.
SELECT _partition_ensure('"Part Test".plain', '{2009-02-28 23:59:59.999999+00,2009-03-01 00:00+00,2009-03-01 12:00+00,NULL}');
SELECT _partition_ensure('"Part Test".plain', '{2009-03-01 23:00+00}');
SET TimeZone = 'UTC';
SELECT c.relname ~ '_p2009' AS named, pg_get_expr(c.relpartbound, c.oid)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = '"Part Test".plain'::regclass AND pg_get_expr(c.relpartbound, c.oid) LIKE '%(''2009%' ORDER BY 2;
SELECT _partition_missing('"Part Test".plain', ARRAY['2009-02-27', now(), '-infinity', '2009-03-01']::timestamptz[]) = '{2009-02-27,-infinity}';
SELECT _partition_ensure('"Part Test".plain', '{infinity}');
SELECT _partition_ensure('"Part Test".plain', '{20000-01-01}');

-- Periods of every kind fit together without gap or overlap.
SELECT period, pg_temp.make('period ' || period, period::interval) IS NOT NULL AS made,
       _partition_ensure(format('"Part Test".%I', 'period ' || period)::regclass, ARRAY(
           SELECT '2001-01-01'::timestamptz + period::interval * n FROM generate_series(0, 20) n)) AS partitions
FROM unnest('{1 hour,15 minutes,25 minutes,7 days,10 days,1 month,3 months,1 year,18 months}'::text[]) period;
SELECT event_pipeline._partition_start('1969-12-31 23:59:59+00', '1 month'), event_pipeline._partition_start('2026-07-31', '3 months'),
       event_pipeline._partition_start('1999-06-01', '18 months'), event_pipeline._partition_start('2026-11-22 23:00+00', '7 days');
SELECT pg_temp.make('mixed', '1 month 1 day');
SELECT pg_temp.make('none', '0');

-- Names: capitals, spaces, quotes, 60 and 63 bytes, letters of several bytes. Two that pg_partman would cut to the same.
CREATE TABLE names (name text);
INSERT INTO names VALUES ('Capitals And Spaces'), ('it''s "quoted"'), ('back\slash%I%s'), (repeat('n', 60)), (repeat('n', 60) || 'raw'),
    (repeat('ž', 31)), (repeat('名', 20)), (repeat('n', 51)), (repeat('n', 52)), (repeat('n', 53));
SELECT name, pg_temp.make(name, '1 day') IS NOT NULL AS made,
       _partition_ensure(format('"Part Test".%I', name)::regclass, '{2011-05-05,2012-12-12}') AS more FROM names;
SELECT name, count(*) AS partitions, min(octet_length(c.relname)) <= 63 AND bool_and(c.relname ~ '_p20[0-9_]+$') AS well_named
FROM names JOIN pg_inherits i ON i.inhparent = format('"Part Test".%I', name)::regclass JOIN pg_class c ON c.oid = i.inhrelid
GROUP BY name ORDER BY name COLLATE "C";
INSERT INTO "Part Test"."it's ""quoted""" VALUES ('2011-05-05 10:00', 1);
SELECT replace(tableoid::regclass::text, '_', '') FROM "Part Test"."it's ""quoted""";
-- pg_partman's own maintenance finds them (4.7 cannot quote an apostrophe, and counts characters).
SET client_min_messages = warning;
UPDATE part_config SET premake = 4 WHERE parent_table LIKE 'Part Test.%';
SELECT count(*) AS maintained FROM (
    SELECT run_maintenance(parent_table, p_jobmon => false) FROM part_config
    WHERE parent_table LIKE 'Part Test.%' AND parent_table NOT LIKE '%''%' AND partition_interval = '1 day') m;
RESET client_min_messages;
SELECT count(*) >= 7 AS made_ahead FROM pg_inherits WHERE inhparent = '"Part Test"."Capitals And Spaces"'::regclass; -- one more in the second half of a day
SELECT _partition_premake('"Part Test"."it''s ""quoted"""');

-- Something else stands where a partition has to go.
CREATE TABLE "Part Test".squatter (LIKE "Part Test".plain);
SELECT format('ALTER TABLE "Part Test".squatter RENAME TO %I', replace(c.relname, '2009', '2008')) AS rename
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = '"Part Test".plain'::regclass AND c.relname ~ '_p2009.?03.?01' \gset
:rename;
SELECT _partition_ensure('"Part Test".plain', '{2008-03-01 10:00+00}');

-- Wrong calls.
CREATE TABLE "Part Test"."a.b" (event_time timestamptz NOT NULL) PARTITION BY RANGE (event_time);
SELECT _partition_create('"Part Test"."a.b"', 'event_time', '1 day');
SELECT _partition_create('names', 'event_time', '1 day');
CREATE TABLE "Part Test".unmanaged (event_time timestamptz NOT NULL, other timestamptz) PARTITION BY RANGE (event_time);
SELECT _partition_create('"Part Test".unmanaged', 'other', '1 day');
SELECT _partition_ensure('"Part Test".unmanaged', '{2020-01-01}');

-- Rights: the hint is what has to be run.
CREATE ROLE part_owner;
GRANT ALL ON SCHEMA "Part Test" TO part_owner;
ALTER TABLE "Part Test".unmanaged OWNER TO part_owner;
SET ROLE part_owner;
DO $$
DECLARE
    hint text;
BEGIN
    PERFORM event_pipeline._partition_create('"Part Test".unmanaged', 'event_time', '1 day');
EXCEPTION WHEN insufficient_privilege THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RAISE NOTICE '%', regexp_replace(sqlerrm, '".*"', '"..."');
    PERFORM set_config('part.hint', substr(hint, position('GRANT' in hint)), false);
END $$;
RESET ROLE;
SELECT current_setting('part.hint') AS grants \gset
:grants
SET ROLE part_owner;
SELECT event_pipeline._partition_create('"Part Test".unmanaged', 'event_time', '1 day');
SELECT event_pipeline._partition_ensure('"Part Test".unmanaged', '{2020-01-01}');
SELECT event_pipeline._partition_drop_config('"Part Test".unmanaged');
RESET ROLE;
SELECT count(*) FROM part_config WHERE parent_table = 'Part Test.unmanaged';

SET client_min_messages = warning;
DELETE FROM part_config WHERE parent_table LIKE 'Part Test.%';
DROP SCHEMA "Part Test" CASCADE;
DROP TABLE names;
DROP OWNED BY part_owner;
DROP ROLE part_owner;
