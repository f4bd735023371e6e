-- A rollup with a key: late events of one device recompute the rows of this device, whatever else is in the bucket.
SET TimeZone = 'UTC';
\set SHOW_CONTEXT never
SET search_path = public, event_pipeline;
CREATE SCHEMA keyed;
SELECT create_stream('keyed.ev', 'json', event_time => 'at');
CREATE FUNCTION keyed.add(from_ timestamptz, n int, device text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO keyed.ev_raw (payload)
    SELECT json_build_object('at', to_char(from_ + i * interval '7 minutes', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'device', coalesce(device, 'd' || i % 9), 'ms', i * 37 % 1000)
    FROM generate_series(0, n - 1) i $$;
SELECT keyed.add('2021-03-01 00:00+00', 600, NULL);
SELECT create_rollup('keyed.daily', 'keyed.ev', 'SELECT device, count(*) AS n, percentile_cont(0.9) WITHIN GROUP (ORDER BY ms) AS ms_p90 FROM keyed.ev
    WHERE event_time >= $1 AND event_time < $2 GROUP BY device', '1 day', key => 'device');
SELECT refresh_rollup('keyed.daily');

-- Which rows were written since they were remembered?
CREATE TABLE keyed.before AS SELECT ctid AS place, d.* FROM keyed.daily d;
CREATE VIEW keyed.written AS SELECT bucket, device, n FROM keyed.daily d
WHERE NOT EXISTS (SELECT FROM keyed.before b WHERE b.place = d.ctid AND (b.bucket, b.device, b.n) = (d.bucket, d.device, d.n)) ORDER BY 1, 2;
SELECT keyed.add('2021-03-02 10:00+00', 2, 'd4'), keyed.add('2021-03-03 10:00+00', 1, 'new');
SELECT refresh_rollup('keyed.daily');
TABLE keyed.written;
SELECT * FROM verify_rollup('keyed.daily');
-- once more in a transaction that sees itself, with a part rolled back
TRUNCATE keyed.before;
INSERT INTO keyed.before SELECT ctid, d.* FROM keyed.daily d;
BEGIN;
SELECT keyed.add('2021-03-02 10:00+00', 2, 'd5');
SAVEPOINT part;
SELECT keyed.add('2021-03-02 10:00+00', 2, 'd6');
RELEASE part;
SAVEPOINT part;
SELECT keyed.add('2021-03-02 10:00+00', 2, 'd7');
ROLLBACK TO part;
SELECT refresh_rollup('keyed.daily');
SELECT keyed.add('2021-03-02 10:00+00', 2, 'd8');
COMMIT;
SELECT refresh_rollup('keyed.daily');
SELECT device FROM keyed.written;
SELECT * FROM verify_rollup('keyed.daily');
-- What is gone cannot say whose it was: all devices of the day.
DELETE FROM keyed.ev WHERE device = 'd3' AND event_time BETWEEN '2021-03-02' AND '2021-03-03';
TRUNCATE keyed.before;
INSERT INTO keyed.before SELECT ctid, d.* FROM keyed.daily d;
SELECT refresh_rollup('keyed.daily');
SELECT count(*) > 5 AS all_of_them, bool_or(device = 'd3') AS d3 FROM keyed.written;
SELECT * FROM verify_rollup('keyed.daily');

-- Random batches, deletions, corrections, subtransactions and refreshes: never a difference.
DO $$
DECLARE
    moment timestamptz;
    bad bigint := 0;
BEGIN
    PERFORM setseed(0.75);
    FOR round IN 1..40 LOOP
        BEGIN
            moment := timestamptz '2021-02-27' + random() * interval '5 days';
            IF random() < 0.7 THEN
                PERFORM keyed.add(moment, 1 + (random() * 4)::int, CASE WHEN random() < 0.6 THEN 'd' || (random() * 12)::int END);
            ELSIF random() < 0.5 THEN
                DELETE FROM keyed.ev WHERE event_time BETWEEN moment AND moment + interval '1 hour';
            ELSE
                UPDATE keyed.ev SET device = 'd1', event_time = event_time + interval '3 hours' WHERE event_time BETWEEN moment AND moment + interval '20 minutes';
            END IF;
            IF random() < 0.4 THEN
                PERFORM event_pipeline.refresh_rollup('keyed.daily', moment - interval '1 day', moment + interval '2 days' * random());
            END IF;
            IF random() < 0.2 THEN
                RAISE EXCEPTION 'rolled back';
            END IF;
        EXCEPTION WHEN raise_exception THEN
        END;
        IF random() < 0.4 THEN
            PERFORM event_pipeline.refresh_rollup('keyed.daily');
            bad := bad + (SELECT count(*) FROM event_pipeline.verify_rollup('keyed.daily'));
        END IF;
    END LOOP;
    RAISE NOTICE '% differences', bad;
END $$;

SELECT create_rollup('keyed.other', 'keyed.ev', 'SELECT count(*) AS n FROM keyed.ev WHERE event_time >= $1 AND event_time < $2', '1 day', key => 'device');
-- Keys are known by their text: equal ones must be written equally, and the query must give them as they are.
ALTER TABLE keyed.ev ADD COLUMN amount numeric;
SELECT create_rollup('keyed.other', 'keyed.ev', 'SELECT amount, count(*) AS n FROM keyed.ev WHERE event_time >= $1 AND event_time < $2 GROUP BY amount', '1 day', key => 'amount');
SELECT create_rollup('keyed.other', 'keyed.ev', 'SELECT upper(device) AS device, count(*) AS n FROM keyed.ev WHERE event_time >= $1 AND event_time < $2 GROUP BY upper(device)',
    '1 day', key => 'device');
SELECT alter_rollup('keyed.daily', 'SELECT upper(device) AS device, count(*) AS n, percentile_cont(0.9) WITHIN GROUP (ORDER BY ms) AS ms_p90 FROM keyed.ev
    WHERE event_time >= $1 AND event_time < $2 GROUP BY upper(device)');
SET client_min_messages = warning;
DROP VIEW keyed.written;
SELECT drop_rollup('keyed.daily');
SELECT drop_stream('keyed.ev');
DROP SCHEMA keyed CASCADE;
DELETE FROM _invalidation;
