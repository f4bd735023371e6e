-- Retention: what is past its time goes, but nothing that is still needed; and the logs of all that are bounded.
DELETE FROM event_pipeline._maintenance;
SET search_path = public, event_pipeline;
SET TimeZone = 'UTC';
SET client_min_messages = error;    -- what fails is in maintenance_log
CREATE SCHEMA ret;
CREATE FUNCTION ret.days() RETURNS TABLE (partitions text) LANGUAGE sql AS $$
    SELECT string_agg(extract(day FROM now() - b.lower_bound)::text, ' ' ORDER BY b.lower_bound) FROM _partition_bounds('ret.ev_raw'::text::regclass) b WHERE b.upper_bound < now() $$;
CREATE FUNCTION ret.log() RETURNS TABLE (step text, failures int, last_error text) LANGUAGE sql AS $$
    SELECT m.step, m.failures, CASE WHEN m.step <> 'refresh flights' THEN regexp_replace(m.last_error, '_p[0-9_]+', '_p...', 'g') END FROM maintenance_log m
    WHERE m.object LIKE 'ret.%' AND m.failures > 0 ORDER BY m.step COLLATE "C", m.object COLLATE "C" $$;

-- Raw rows of 40, 30 and 20 days ago: a partition that is kept keeps no other.
SELECT create_stream('ret.ev', 'json', event_time => 'at', raw_retention => '10 days', contract => '{"columns": "reject"}');
INSERT INTO ret.ev_raw (payload) VALUES ('{"at": "2026-03-01T00:00:00Z", "v": 1}');
SELECT _partition_ensure('ret.ev_raw', ARRAY[now() - interval '40 days', now() - interval '30 days', now() - interval '20 days']);
INSERT INTO ret.ev_raw (received_at, payload) VALUES
    (now() - interval '40 days', '{"v": 1}'), (now() - interval '40 days', 'no json'),
    (now() - interval '30 days', '{"at": "2026-03-01T00:00:00Z", "v": 1}'),
    (now() - interval '20 days', '{"at": "2026-03-01T00:00:00Z", "new": 1}');
SELECT * FROM ret.days();
CALL event_pipeline.run_maintenance();
SELECT * FROM ret.days();
SELECT * FROM ret.log();

-- What was given up keeps nothing; it stays in the list as long as its raw row. Only its owner gives it up.
SELECT min(raw_id) AS first, max(raw_id) AS last FROM rejected WHERE stream = 'ret.ev' \gset
CREATE ROLE ret_guest;
SET ROLE ret_guest;
SELECT dismiss_rejected('ret.ev');
RESET ROLE;
DROP ROLE ret_guest;
SELECT dismiss_rejected('nosuch');
SELECT dismiss_rejected('ret.ev', ARRAY[:first, :first + 1]), dismiss_rejected('ret.ev', ARRAY[:first]) AS again;
SELECT raw_id - :first AS row, dismissed_at IS NOT NULL AS dismissed FROM rejected WHERE stream = 'ret.ev' ORDER BY raw_id;
SELECT raw_rows FROM replay('ret.ev');
SELECT sum(missing) AS missing FROM reconcile('ret.ev');
CALL event_pipeline.run_maintenance();
SELECT * FROM ret.days();
SELECT raw_id - :first AS row, dismissed_at IS NOT NULL AS dismissed FROM rejected WHERE stream = 'ret.ev' ORDER BY raw_id;

-- What a replay resolves keeps nothing either.
SELECT alter_stream('ret.ev', contract => '{"columns": null}');
SELECT typed, rejected FROM replay('ret.ev');
CALL event_pipeline.run_maintenance();
SELECT * FROM ret.days();
SELECT * FROM ret.log();
SELECT last_success IS NOT NULL AS succeeded FROM maintenance_log WHERE step = 'retention' AND object = 'ret.ev_raw';

-- Events: kept while a rollup has not computed them by its present query, also in a session that asks for another isolation level.
SELECT create_rollup('ret.daily', 'ret.ev', 'SELECT sum(v) AS v FROM ret.ev WHERE event_time >= $1 AND event_time < $2', '1 day');
SELECT refresh_rollup('ret.daily');
SELECT alter_rollup('ret.daily', 'SELECT sum(v / (v - v)) AS v FROM ret.ev WHERE event_time >= $1 AND event_time < $2');
SELECT alter_stream('ret.ev', retention => '10 days');
SET default_transaction_isolation = 'repeatable read';
CALL event_pipeline.run_maintenance();
SELECT count(*) AS events FROM ret.ev;
SELECT * FROM ret.log();
SELECT failures, last_error FROM rollup_status WHERE rollup = 'ret.daily'::regclass;
SELECT alter_rollup('ret.daily', 'SELECT sum(v) AS v FROM ret.ev WHERE event_time >= $1 AND event_time < $2');
UPDATE _rollup_bucket SET retry_at = now();
CALL event_pipeline.run_maintenance();
RESET default_transaction_isolation;
SELECT count(*) AS events FROM ret.ev;
SELECT * FROM ret.log();
TABLE ret.daily;

-- Kept, too, while a flight table cannot read their changes; and a rollup that cannot be refreshed at all says so.
SELECT create_flight_table('ret.flights', 'ret.ev');
SELECT create_rollup('ret.blind', 'ret.ev', 'SELECT count(*) AS n FROM ret.ev WHERE event_time >= $1 AND event_time < $2', '1 day');
CREATE FUNCTION ret.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
CREATE TRIGGER fail BEFORE UPDATE ON _rollup FOR EACH ROW WHEN (new.populated AND NOT old.populated) EXECUTE FUNCTION ret.fail();
ALTER TABLE _flight_table RENAME COLUMN as_of TO as_of_;
INSERT INTO ret.ev_raw (payload) VALUES ('{"event_id": "a", "drone_id": "K1", "type": "takeoff", "boot_id": "b", "device_uptime_ms": 1, "at": "2026-04-01T00:00:00Z", "v": 2}');
CALL event_pipeline.run_maintenance();
SELECT count(*) AS events FROM ret.ev;
SELECT * FROM ret.log();
SELECT rollup, failures, last_error FROM rollup_status WHERE rollup::text LIKE 'ret.%' ORDER BY 1;
DROP TRIGGER fail ON _rollup;
SELECT drop_rollup('ret.daily');
CALL event_pipeline.run_maintenance();
SELECT regexp_replace(last_error, '_p[0-9_]+|:[0-9]+', '...', 'g') AS last_error FROM ret.log() WHERE step = 'retention';
ALTER TABLE _flight_table RENAME COLUMN as_of_ TO as_of;
CALL event_pipeline.run_maintenance();
SELECT count(*) AS events, (SELECT count(*) FROM ret.flights) AS flights FROM ret.ev;
SELECT * FROM ret.log();

-- A rollup keeps its buckets for ever, unless it is told otherwise: then the old ones go, and what comes for them changes nothing.
SELECT create_rollup('ret.months', 'ret.ev', 'SELECT count(*) AS n FROM ret.ev WHERE event_time >= $1 AND event_time < $2', '1 month', lookaround => '1 day');
SELECT alter_stream('ret.ev', retention => '1000 years');
INSERT INTO ret.ev_raw (payload) VALUES (json_build_object('at', '2026-03-01T00:00:00Z'::text)), (json_build_object('at', date_trunc('month', now()) - interval '1 second')),
    (json_build_object('at', now()));
SELECT refresh_rollup('ret.months') > 2 AS refreshed;
SELECT alter_rollup('ret.months', retention => '-1 day');
-- Rollups over it have to be done with them before, keep what they made of them, and have whole buckets.
SELECT create_rollup('ret.above', 'ret.months', 'SELECT sum(n) AS n FROM ret.months WHERE bucket >= $1 AND bucket < $2', '1 month');
SELECT refresh_rollup('ret.above') > 0 AS refreshed;
CREATE VIEW ret.all_above AS SELECT sum(n) AS n FROM ret.above;
TABLE ret.all_above;
SELECT alter_rollup('ret.above', 'SELECT sum(n / 0) AS n FROM ret.months WHERE bucket >= $1 AND bucket < $2');
SELECT alter_rollup('ret.months', retention => '0');
CALL event_pipeline.run_maintenance();
SELECT count(*) > 1 AS kept FROM ret.months;
SELECT * FROM ret.log() WHERE step = 'retention';
SELECT alter_rollup('ret.above', 'SELECT sum(n) AS n FROM ret.months WHERE bucket >= $1 AND bucket < $2');
UPDATE _rollup_bucket SET retry_at = now();
CALL event_pipeline.run_maintenance();
TABLE ret.all_above;
SELECT bucket = date_trunc('month', now())::date AS this_month, n FROM ret.months WHERE bucket <= now();
INSERT INTO ret.ev_raw (payload) VALUES (json_build_object('at', '2026-03-01T01:00:00Z'::text)), (json_build_object('at', now()));
SELECT refresh_rollup('ret.months') > 0 AS refreshed;
CALL event_pipeline.run_maintenance();
SELECT bucket = date_trunc('month', now())::date AS this_month, n FROM ret.months WHERE bucket <= now();
SELECT count(*) FROM verify_rollup('ret.months');
SELECT * FROM ret.log();
TABLE ret.all_above;
SELECT rebuild_rollup('ret.above') >= 0 AS rebuilt;
TABLE ret.all_above;
DROP VIEW ret.all_above;
SELECT drop_rollup('ret.above'), drop_rollup('ret.months');

-- A bucket keeps its events as long as it is not past its time.
SELECT create_rollup('ret.ages', 'ret.ev', 'SELECT count(*) AS n FROM ret.ev WHERE event_time >= $1 AND event_time < $2', '1000 years');
SELECT alter_stream('ret.ev', retention => '10 days');
CALL event_pipeline.run_maintenance();
SELECT count(*) AS old_events FROM ret.ev WHERE event_time < '2026-04-01';
SELECT * FROM ret.log();
SELECT drop_rollup('ret.ages');
CALL event_pipeline.run_maintenance();
SELECT count(*) AS old_events FROM ret.ev WHERE event_time < '2026-04-01';

-- A retention below zero would drop what is yet to come.
SELECT alter_stream('ret.ev', retention => '-1 day');
SELECT alter_stream('ret.ev', raw_retention => '-1 day');
SELECT create_stream('ret.ev2', 'json', retention => '-1 day');

-- Logs: what is put off and made again and again goes after event_pipeline.log_retention; changes of tables stay.
INSERT INTO _schema_change (at, stream_id, operation, mode)
SELECT now() - days * interval '1 day', (SELECT stream_id FROM _stream WHERE event_table = 'ret.ev'::regclass), operation, mode
FROM unnest('{91,89,8}'::int[]) days, (VALUES ('rescue', 'deferred'), ('create partition', 'inline'), ('drop column', 'manual')) v (operation, mode);
CREATE VIEW ret.kept AS SELECT operation, count(*) FROM schema_log WHERE stream = 'ret.ev' AND at < now() - interval '1 day' GROUP BY 1 ORDER BY 1;
CALL event_pipeline.run_maintenance();
TABLE ret.kept;
SET event_pipeline.log_retention = '1 week';
CALL event_pipeline.run_maintenance();
TABLE ret.kept;
SET event_pipeline.log_retention = 'soon';
CALL event_pipeline.run_maintenance();
SELECT step, object, failures, last_error FROM maintenance_log WHERE failures > 0;
RESET event_pipeline.log_retention;

-- A retention that reaches back to before there were times keeps everything, and nobody else's retention from working.
SELECT create_stream('ret.long', 'json', event_time => 'at', retention => '178000000 years', raw_retention => '178000000 years');
INSERT INTO ret.long_raw (payload) VALUES ('{"at": "2020-01-01T00:00:00Z"}');
SELECT create_rollup('ret.long_days', 'ret.long', 'SELECT count(*) AS n FROM ret.long WHERE event_time >= $1 AND event_time < $2', '7 days', 'Europe/Prague');
SELECT alter_rollup('ret.long_days', retention => '6739 years');
CALL event_pipeline.run_maintenance();
TABLE ret.long_days;
SELECT step, object, failures, last_error FROM maintenance_log WHERE object LIKE 'ret.long%' AND failures > 0;
SELECT drop_rollup('ret.long_days'), drop_stream('ret.long');

-- maintenance_log forgets what is gone.
SELECT drop_flight_table('ret.flights'), drop_rollup('ret.blind'), drop_stream('ret.ev');
CALL event_pipeline.run_maintenance();
SELECT count(*) AS left_over FROM maintenance_log WHERE object LIKE 'ret.%';
SELECT * FROM maintenance_log WHERE failures > 0;
DROP SCHEMA ret CASCADE;
DELETE FROM _maintenance;
