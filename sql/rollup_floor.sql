-- Aggregates outlive their events; what comes for them too late is listed. A rollup is rebuilt on demand. Its status tells the truth at any time.
SET TimeZone = 'UTC';
\set SHOW_CONTEXT never
SET search_path = public, event_pipeline;
CREATE SCHEMA flr;
SELECT create_stream('flr.ev', 'json', event_time => 'at');
CREATE FUNCTION flr.add(at text, n int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO flr.ev_raw (payload) SELECT json_build_object('at', at, 'n', i) FROM generate_series(1, n) i $$;
SELECT flr.add('2021-03-01T10:00:00Z', 3), flr.add('2021-03-02T10:00:00Z', 5), flr.add('2021-03-03T10:00:00Z', 7);
SELECT create_rollup('flr.daily', 'flr.ev', 'SELECT count(*) AS n FROM flr.ev WHERE event_time >= $1 AND event_time < $2', '1 day');
CREATE VIEW flr.status AS SELECT rollup, live, buckets, dirty, too_late, failures, lag > '0' AS behind, lag < '1 hour' AS briefly,
    last_success IS NOT NULL AS succeeded FROM rollup_status;
SELECT * FROM flr.status;
SELECT refresh_rollup('flr.daily');
SELECT * FROM flr.status;
-- also of what no refresh has noticed
SELECT flr.add('2021-03-02T11:00:00Z', 1);
SELECT * FROM flr.status;
SELECT refresh_rollup('flr.daily');
SELECT * FROM flr.status;

-- Events that nobody noted are found by a rebuild, those that somebody deleted, too; only in the range.
INSERT INTO flr.ev (event_time) VALUES ('2021-03-01 12:00'), ('2021-03-03 12:00');
UPDATE flr.daily SET n = -1 WHERE bucket = '2021-03-02';
SELECT rebuild_rollup('flr.daily', '2021-03-01', '2021-03-02');
TABLE flr.daily ORDER BY bucket;
SELECT rebuild_rollup('flr.daily');
TABLE flr.daily ORDER BY bucket;
SELECT refresh_rollup('flr.daily');

-- The floor: retention has dropped the first two days.
SELECT alter_stream('flr.ev', retention => now() - '2021-03-03 00:00+00');
SET client_min_messages = warning;
CALL event_pipeline.run_maintenance();
RESET client_min_messages;
SELECT count(*) FROM flr.ev;
SELECT flr.add('2021-03-02T10:00:00Z', 2), flr.add('2021-03-02T10:20:00Z', 2), flr.add('2021-03-03T10:00:00Z', 1), flr.add('2021-02-27T10:00:00Z', 1);
TABLE flr.daily_live ORDER BY bucket;
SELECT refresh_rollup('flr.daily');
TABLE flr.daily ORDER BY bucket;
SELECT * FROM flr.status;
SELECT rollup, bucket, changes, first_at <= last_at AS in_order FROM rollup_late ORDER BY bucket;
SELECT flr.add('2021-03-02T10:00:00Z', 1);
SELECT refresh_rollup('flr.daily');
SELECT rollup, bucket, changes, first_at <= last_at AS in_order FROM rollup_late ORDER BY bucket;
SELECT rebuild_rollup('flr.daily');
TABLE flr.daily ORDER BY bucket;

SET client_min_messages = warning;
SELECT drop_rollup('flr.daily');
SELECT drop_stream('flr.ev');
DROP SCHEMA flr CASCADE;
