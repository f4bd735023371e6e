-- What others than ingest do to an event table reaches the rollups: updates and deletes as changes, what takes events away as a whole
-- by keeping the aggregates.
SET TimeZone = 'UTC';
\set SHOW_CONTEXT never
SET search_path = public, event_pipeline;
CREATE SCHEMA chg;
SELECT create_stream('chg.ev', 'json', event_time => 'at');
CREATE FUNCTION chg.add(from_ timestamptz, step interval, n int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO chg.ev_raw (payload) SELECT json_build_object('at', to_char(from_ + i * step, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'n', i) FROM generate_series(0, n - 1) i $$;
SELECT chg.add('2021-03-01 00:00+00', '1 hour', 96);
SELECT create_rollup('chg.daily', 'chg.ev', 'SELECT count(*) AS n, sum(n) AS total FROM chg.ev WHERE event_time >= $1 AND event_time < $2', '1 day');
SELECT refresh_rollup('chg.daily');

-- A deletion, a correction within a bucket, a corrected clock; the live view knows at once.
CREATE VIEW chg.wrong AS
SELECT count(*) FROM (
    SELECT FROM (SELECT bucket, n, total, 1 AS side FROM chg.daily_live
                 UNION ALL SELECT event_time::date, count(*), sum(n), -1 FROM chg.ev GROUP BY 1) d
    GROUP BY bucket, n, total HAVING sum(side) <> 0) differing;
DELETE FROM chg.ev WHERE n = 30;
TABLE chg.wrong;
SELECT refresh_rollup('chg.daily');
UPDATE chg.ev SET n = 1000 WHERE n = 50;
TABLE chg.wrong;
SELECT refresh_rollup('chg.daily');
UPDATE chg.ev SET event_time = event_time + interval '2 days' WHERE n = 10;
TABLE chg.wrong;
SELECT refresh_rollup('chg.daily');
MERGE INTO chg.ev USING (VALUES (20)) v (n) ON ev.n = v.n WHEN MATCHED THEN DELETE;
TABLE chg.wrong;
SELECT refresh_rollup('chg.daily');
UPDATE chg.ev SET n = 0 WHERE n = -1;
SELECT refresh_rollup('chg.daily') AS nothing;
SELECT * FROM verify_rollup('chg.daily');
-- Rows still go to the partitions as fast as before: no trigger is on them.
SELECT count(*) FROM pg_trigger t JOIN pg_inherits i ON i.inhrelid = t.tgrelid WHERE i.inhparent = 'chg.ev'::regclass;

-- A partition that somebody drops or detaches keeps its aggregates, whatever comes after; the days around it live on.
TABLE chg.daily ORDER BY bucket;
DO $$
DECLARE
    first_day text := (SELECT part FROM event_pipeline._partition_bounds('chg.ev') WHERE lower_bound = '2021-03-01');
BEGIN
    EXECUTE (SELECT format('DROP TABLE %s', part) FROM event_pipeline._partition_bounds('chg.ev') WHERE lower_bound = '2021-03-02');
    EXECUTE format('ALTER TABLE chg.ev DETACH PARTITION %s', first_day);
    EXECUTE format('ALTER TABLE %s RENAME TO first_day', first_day);
END $$;
SELECT chg.add('2021-03-01 12:00+00', '1 day', 3);
TABLE chg.daily_live ORDER BY bucket;
SELECT refresh_rollup('chg.daily');
TABLE chg.daily ORDER BY bucket;
SELECT bucket, changes FROM rollup_late ORDER BY bucket;
SELECT dirty, too_late FROM rollup_status WHERE rollup = 'chg.daily'::regclass;
SELECT * FROM verify_rollup('chg.daily');

-- TRUNCATE, too; new days go on.
TRUNCATE chg.ev;
SELECT chg.add('2021-03-03 12:00+00', '1 day', 4);
TABLE chg.daily_live ORDER BY bucket;
SELECT refresh_rollup('chg.daily');
TABLE chg.daily ORDER BY bucket;
SELECT bucket, changes FROM rollup_late ORDER BY bucket;


-- Kept tables are as they were before.
DROP VIEW chg.wrong;
SELECT drop_rollup('chg.daily');
DELETE FROM _invalidation;
DELETE FROM chg.ev;
SELECT count(*) AS noted FROM _invalidation;
SELECT drop_stream('chg.ev', keep_tables => true);
SELECT tgname FROM pg_trigger WHERE tgrelid = 'chg.ev'::regclass;

SET client_min_messages = warning;
DROP SCHEMA chg CASCADE;
DELETE FROM _invalidation;
