-- run_maintenance(): partitions ahead, refresh, retention, housekeeping; each step alone, failures noted.
-- What the tests before this one noted in the same database is not counted here.
DELETE FROM event_pipeline._maintenance;
SET search_path = public, event_pipeline;
CREATE SCHEMA maint;
CREATE ROLE maint_owner;
GRANT ALL ON SCHEMA maint TO maint_owner;
SELECT format('GRANT USAGE ON SCHEMA %1$I TO maint_owner; GRANT SELECT, INSERT, UPDATE, DELETE ON %1$I.part_config TO maint_owner;
               GRANT SELECT ON %1$I.part_config_sub TO maint_owner', _partman_schema()) AS grants \gset
:grants;

SET ROLE maint_owner;
SELECT create_stream('maint.ev', 'json', event_time => 'at', event_id => 'id', partition_interval => '1 day', raw_retention => '10 days', retention => '30 days');
SELECT create_stream('maint."It''s odd"', 'json', partition_interval => '3 months');
INSERT INTO maint.ev_raw (payload)
SELECT format('{"id": "e%s", "at": "%s", "v": %s}', n, to_char((now() - n * interval '1 day') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), n)
FROM generate_series(0, 59) n;
SELECT create_rollup('maint.daily', 'maint.ev', 'SELECT count(*) AS n, sum(v) AS v FROM maint.ev WHERE event_time >= $1 AND event_time < $2', '1 day');
SELECT create_rollup('maint.broken', 'maint.ev', 'SELECT sum(v / (v - v)) AS n FROM maint.ev WHERE event_time >= $1 AND event_time < $2', '1 day');
-- Only the extension's owner runs maintenance.
CALL event_pipeline.run_maintenance();
SELECT schedule();
RESET ROLE;
-- It commits, and says so where it cannot.
BEGIN;
CALL event_pipeline.run_maintenance();
ROLLBACK;

-- Raw rows of long ago: two that are done with, one whose event was rejected; and one that came when there was no partition for its day.
CREATE FUNCTION maint.raw_at(at timestamptz, payload text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO maint.ev_raw (received_at, payload) VALUES (at, payload) $$;
SELECT event_pipeline._rollup_run_as('maint_owner'::regrole, '', 'UTC',
    format('SELECT event_pipeline._partition_ensure(''maint.ev_raw'', ARRAY[%L, %L]::timestamptz[])', now() - interval '20 days', now() - interval '21 days'), NULL, NULL);
SELECT maint.raw_at(now() - interval '21 days', '{"id": "old 21", "at": "' || to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') || '"}');
SELECT maint.raw_at(now() - interval '20 days', 'no json');
SELECT maint.raw_at(now() - interval '5 days', '{"id": "default", "at": "' || to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') || '"}');
SELECT count(*) AS in_default FROM ONLY maint.ev_raw_default;
SELECT count(*) AS rejected FROM rejected WHERE stream = 'maint.ev';

-- Old counters.
INSERT INTO _counter SELECT stream_id, date_trunc('minute', now()) - interval '3 hours' + n * interval '10 seconds', 1, 10, 1, 1, 0, 0, 0, now()
FROM _stream, generate_series(0, 11) n WHERE event_table = 'maint.ev'::regclass;
SELECT raw_rows, bytes, events FROM stream_stats WHERE stream = 'maint.ev' \gset before_
SELECT count(*) AS before_rows FROM _counter \gset

-- Of the old partitions only those with clean buckets may go: the failing rollup keeps its source.
SET client_min_messages = error;
CALL event_pipeline.run_maintenance();
RESET client_min_messages;
SELECT step, object, runs, failures, last_success IS NOT NULL AS succeeded,
       regexp_replace(last_error, '[_0-9]{8,}|bucket .*:', '...', 'g') AS last_error FROM maintenance_log
WHERE object LIKE 'maint.%' OR object IN ('invalidations', 'counters') ORDER BY step COLLATE "C", object COLLATE "C";
SELECT rollup, dirty > 0 AS dirty, failures, last_error ~ 'division by zero' AS says_why FROM rollup_status WHERE rollup::text LIKE 'maint.%' ORDER BY 1;
SELECT count(*) AS days, sum(n) AS n FROM maint.daily;
SELECT count(*) AS events FROM maint.ev;

-- Mended, and run again (the failed bucket waits for its time): now the events go and the aggregates stay.
SELECT alter_rollup('maint.broken', 'SELECT sum(v) AS n FROM maint.ev WHERE event_time >= $1 AND event_time < $2');
UPDATE _rollup_bucket SET retry_at = now();
UPDATE maint.ev_ids SET taken_at = event_time;
SET client_min_messages = error;
CALL event_pipeline.run_maintenance();
RESET client_min_messages;
SELECT count(*) AS events, min(event_time) > now() - interval '32 days' AS kept_long_enough FROM maint.ev;
SELECT count(*) AS days, sum(n) AS n FROM maint.daily;
SELECT sum(n) = 60 * 59 / 2 AS complete FROM maint.broken;
SELECT * FROM verify_rollup('maint.daily');
SELECT dirty, too_late FROM rollup_status WHERE rollup = 'maint.daily'::regclass;
SELECT retention, automatic_maintenance FROM part_config WHERE parent_table IN ('maint.ev', 'maint.ev_raw') ORDER BY 1;

-- An event that comes after its day was dropped: it is stored, and the aggregate of the day is kept and told of.
SELECT n AS old_n, v AS old_v FROM maint.daily WHERE bucket = (now() AT TIME ZONE 'UTC')::date - 50 \gset
INSERT INTO maint.ev_raw (payload)
SELECT format('{"id": "late", "at": "%s", "v": 1}', to_char((now() - interval '50 days') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'));
SELECT refresh_rollup('maint.daily') >= 0 AS refreshed;
SELECT too_late FROM rollup_status WHERE rollup = 'maint.daily'::regclass;
SELECT n = :old_n AND v = :old_v AS kept FROM maint.daily WHERE bucket = (now() AT TIME ZONE 'UTC')::date - 50;

-- Raw: the day with the rejected event is still there, its elder is gone; the default partition is empty and its row has a partition.
SELECT left(payload, 16) FROM maint.ev_raw WHERE received_at < now() - interval '1 day' ORDER BY received_at;
SELECT count(*) AS in_default FROM ONLY maint.ev_raw_default;
SELECT last_error ~ 'unresolved rejections' AS says_why FROM maintenance_log WHERE step = 'retention' AND object = 'maint.ev_raw';
-- What has nothing left to do does not fail any more, whatever has changed.
SELECT alter_stream('maint.ev', raw_retention => '1000 days');
CALL event_pipeline.run_maintenance();
SELECT failures, last_error ~ 'unresolved rejections' AS says_why FROM maintenance_log WHERE step = 'retention' AND object = 'maint.ev_raw';
SELECT alter_stream('maint.ev', raw_retention => '10 days');
DELETE FROM _rejection;
CALL event_pipeline.run_maintenance();
SELECT left(payload, 16) FROM maint.ev_raw WHERE received_at < now() - interval '1 day' ORDER BY received_at;
SELECT failures FROM maintenance_log WHERE step = 'retention' AND object = 'maint.ev_raw';
-- What maintenance makes belongs to the owner of the table.
SELECT DISTINCT pg_get_userbyid(c.relowner) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent IN ('maint.ev'::regclass, 'maint.ev_raw'::regclass);
-- Ids are forgotten with their events, but not before they have been known that long.
SELECT count(*) FILTER (WHERE event_time < now() - interval '31 days') AS old, count(*) FILTER (WHERE event_time > now() - interval '20 days') AS young FROM maint.ev_ids;

-- Counters are folded, and say the same.
SELECT count(*) < :before_rows - 8 AS fewer FROM _counter;
SELECT raw_rows - :before_raw_rows AS raw_rows, events - :before_events AS events FROM stream_stats WHERE stream = 'maint.ev';
SELECT count(*) AS unread FROM _invalidation;

-- Without pg_cron here: what to do is said.
DO $$
DECLARE
    hint text;
BEGIN
    PERFORM event_pipeline.schedule();
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RAISE NOTICE '% %', sqlstate IN ('55000', '42704'), hint ~ 'cron';
END $$;

-- Rollups and flight tables that somebody dropped by DROP TABLE are forgotten, without a word.
SELECT create_stream('maint.fl', 'json', event_time => 'at');
INSERT INTO maint.fl_raw (payload) VALUES ('{"event_id": "a", "drone_id": "K1", "type": "takeoff", "boot_id": "b", "device_uptime_ms": 1, "at": "2026-03-01T00:00:00Z"}');
SELECT create_rollup('maint.short', 'maint.fl', 'SELECT count(*) AS n FROM maint.fl WHERE event_time >= $1 AND event_time < $2', '1 day');
SELECT create_flight_table('maint.flights', 'maint.fl');
SET client_min_messages = warning;
DROP TABLE maint.short, maint.flights CASCADE;
CALL event_pipeline.run_maintenance();
RESET client_min_messages;
SELECT count(*) AS rollups, (SELECT count(*) FROM _flight_table) AS flight_tables FROM _rollup WHERE target_id = _rollup_target('maint.fl');
SELECT tracked FROM _target WHERE relation = 'maint.fl'::regclass;

SET client_min_messages = warning;
SELECT drop_rollup('maint.daily'), drop_rollup('maint.broken');
SELECT drop_stream('maint.ev'), drop_stream('maint.fl'), drop_stream('maint."It''s odd"');
DROP SCHEMA maint CASCADE;
DELETE FROM _maintenance;
DELETE FROM part_config WHERE parent_table LIKE 'maint.%';
DROP OWNED BY maint_owner;
DROP ROLE maint_owner;
