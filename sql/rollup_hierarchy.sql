-- Rollups over rollups: a changed bucket dirties the one around it, at every level; sources are refreshed first; live views are exact through all levels.
SET TimeZone = 'UTC';
\set SHOW_CONTEXT never
SET search_path = public, event_pipeline;
CREATE SCHEMA tower;
SELECT create_stream('tower.ev', 'json', event_time => 'at');
CREATE FUNCTION tower.add(from_ timestamptz, step interval, n int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO tower.ev_raw (payload)
    SELECT json_build_object('at', to_char(from_ + i * step, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'who', i % 5, 'ms', i * 37 % 1000) FROM generate_series(0, n - 1) i $$;
SELECT tower.add('2021-03-25 00:00+00', '1 hour', 600);

SELECT create_rollup('tower.daily', 'tower.ev', 'SELECT who, count(*) AS n, sum(ms) AS ms FROM tower.ev
    WHERE event_time >= $1 AND event_time < $2 GROUP BY who', '1 day', 'Europe/Prague');
SELECT create_rollup('tower.weekly', 'tower.daily', 'SELECT who, sum(n) AS n, sum(daily.ms) AS ms, count(*) AS days FROM tower.daily
    WHERE bucket >= $1 AND bucket < $2 GROUP BY who', '7 days');
SET search_path = tower, event_pipeline;
SELECT create_rollup('monthly', 'weekly', 'WITH w AS (SELECT * FROM weekly w WHERE w.bucket >= $1 AND w.bucket < $2)
    SELECT sum(n) AS n, sum(ms) AS ms, sum(days) AS days FROM w', '1 month');
SET search_path = public, event_pipeline;
-- A source that cannot be replaced by its live view is told of at once.
SELECT create_rollup('tower.qualified', 'tower.daily', 'SELECT sum(tower.daily.n) AS n FROM tower.daily WHERE tower.daily.bucket >= $1 AND bucket < $2', '7 days');
SELECT drop_rollup('tower.qualified');
SELECT relation, source, time_zone, target_id < 0 AS over_a_rollup, live_query FROM _rollup WHERE relation::text LIKE 'tower.%' ORDER BY rollup_id;

-- What each should hold, straight from the events; a row belongs to the bucket in which its own bucket starts.
CREATE VIEW tower.oracle AS
WITH e AS (SELECT (event_time AT TIME ZONE 'Europe/Prague')::date AS day, who, ms FROM tower.ev),
w AS (SELECT date_trunc('week', day)::date AS week, who, count(*) AS n, sum(ms) AS ms, count(DISTINCT day) AS days FROM e GROUP BY 1, 2)
SELECT 'weekly' AS level, week AS bucket, who, n::numeric, ms::numeric, days::numeric FROM w
UNION ALL
SELECT 'monthly', date_trunc('month', week)::date, NULL, sum(n), sum(ms), sum(days) FROM w GROUP BY 2;
CREATE FUNCTION tower.wrong(suffix text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    differing bigint;
BEGIN
    EXECUTE format($q$
        SELECT count(*) FROM (
            SELECT FROM (SELECT *, 1 AS side FROM tower.oracle
                         UNION ALL SELECT 'weekly', bucket, who, n, ms, days, -1 FROM tower.weekly%1$s
                         UNION ALL SELECT 'monthly', bucket, NULL, n, ms, days, -1 FROM tower.monthly%1$s) d
            GROUP BY level, bucket, who, n, ms, days HAVING sum(side) <> 0) differing $q$, suffix) INTO differing;
    RETURN differing;
END $$;
SELECT tower.wrong('_live');
SELECT refresh_rollup('tower.monthly');
SELECT tower.wrong(''), tower.wrong('_live');
SELECT refresh_rollup('tower.monthly');
SELECT rollup, dirty FROM rollup_status WHERE rollup::text LIKE 'tower.%' ORDER BY 1;

-- Late events: seen by all live views at once, by the tables when refreshed, level by level or all at once.
SELECT tower.add('2021-03-29 22:30+00', '10 minutes', 3);
SELECT tower.add('2021-05-02 10:00+00', '1 hour', 30);
SELECT tower.wrong('') > 0 AS tables_behind, tower.wrong('_live');
SELECT refresh_rollup('tower.daily') AS daily;
SELECT tower.wrong('') > 0 AS tables_behind, tower.wrong('_live');
SELECT refresh_rollup() AS the_others;
SELECT tower.wrong(''), tower.wrong('_live');
SELECT refresh_rollup() AS nothing;

-- By the maintenance: one run does for all levels. A changed query at the bottom goes up.
SELECT tower.add('2021-04-10 10:00+00', '1 hour', 30);
SET client_min_messages = warning;
CALL event_pipeline.run_maintenance();
SELECT tower.wrong(''), tower.wrong('_live');
RESET client_min_messages;
SELECT alter_rollup('tower.daily', 'SELECT who, count(*) AS n, sum(ms) + 0 AS ms FROM tower.ev WHERE event_time >= $1 AND event_time < $2 GROUP BY who');
SELECT tower.wrong('_live');
SELECT refresh_rollup() > 10 AS refreshed;
SELECT tower.wrong(''), tower.wrong('_live');

-- Random batches, partly rolled back, refreshed now and then at any level.
DO $$
DECLARE
    at timestamptz;
    bad bigint := 0;
BEGIN
    PERFORM setseed(0.25);
    FOR round IN 1..12 LOOP
        FOR i IN 1..3 LOOP
            BEGIN
                at := timestamptz '2021-03-20' + random() * interval '50 days';
                PERFORM tower.add(at, random() * interval '9 hours', 1 + (random() * 20)::int);
                IF random() < 0.3 THEN
                    PERFORM event_pipeline.refresh_rollup((ARRAY['tower.daily', 'tower.weekly', 'tower.monthly'])[1 + (random() * 2)::int]);
                END IF;
                IF random() < 0.3 THEN
                    RAISE EXCEPTION 'rolled back';
                END IF;
            EXCEPTION WHEN raise_exception THEN
            END;
        END LOOP;
        bad := bad + tower.wrong('_live');
        IF random() < 0.5 THEN
            PERFORM event_pipeline.refresh_rollup();
            bad := bad + tower.wrong('') + (SELECT count(*) FROM event_pipeline.verify_rollup('tower.weekly'))
                   + (SELECT count(*) FROM event_pipeline.verify_rollup('tower.monthly'));
        END IF;
    END LOOP;
    RAISE NOTICE '% wrong rows', bad;
END $$;

-- Events go, aggregates stay, at every level; late events below the floor change none.
SELECT refresh_rollup() >= 0 AS refreshed;
CREATE TABLE tower.before AS SELECT * FROM tower.monthly;
SELECT alter_stream('tower.ev', retention => '1 day');
SET client_min_messages = error;
CALL event_pipeline.run_maintenance();
SELECT count(*) AS events FROM tower.ev;
SELECT tower.add('2021-04-10 10:00+00', '1 hour', 3);
CALL event_pipeline.run_maintenance();
RESET client_min_messages;
SELECT refresh_rollup();
SELECT count(*) > 0 AS kept, count(*) FILTER (WHERE NOT EXISTS (SELECT FROM tower.before b WHERE b = m)) AS changed FROM tower.monthly m;
SELECT count(*) > 0 AS kept, count(*) FILTER (WHERE NOT EXISTS (SELECT FROM tower.before b WHERE b = m)) AS changed FROM tower.monthly_live m;
SELECT * FROM verify_rollup('tower.weekly');

-- Sub-day buckets below days of any zone; the source belongs to somebody else.
SELECT alter_stream('tower.ev', retention => '1000 years');
SELECT tower.add('2021-03-25 00:00+00', '1 hour', 60);
SELECT create_rollup('tower.hourly', 'tower.ev', 'SELECT count(*) AS n FROM tower.ev WHERE event_time >= $1 AND event_time < $2', '1 hour');
CREATE ROLE tower_guest;
GRANT USAGE, CREATE ON SCHEMA tower TO tower_guest;
GRANT SELECT ON tower.hourly TO tower_guest;
SET ROLE tower_guest;
SELECT create_rollup('tower.days', 'tower.hourly', 'SELECT sum(n) AS n FROM tower.hourly WHERE bucket >= $1 AND bucket < $2', '1 day', 'Asia/Kathmandu');
RESET ROLE;
GRANT SELECT ON tower.hourly_live TO tower_guest;
SET ROLE tower_guest;
SELECT create_rollup('tower.days', 'tower.hourly', 'SELECT sum(n) AS n FROM tower.hourly WHERE bucket >= $1 AND bucket < $2', '1 day', 'Asia/Kathmandu');
SELECT sum(n) FROM tower.days_live;
SELECT refresh_rollup() AS nothing_stored_below;
RESET ROLE;
SELECT refresh_rollup('tower.hourly') AS hours;
SET ROLE tower_guest;
SELECT refresh_rollup('tower.days') AS days;
SELECT sum(n) FROM tower.days;
RESET ROLE;

-- Nobody else says of a rollup what has changed in it.
SET ROLE tower_guest;
SELECT _rollup_note(r.rollup_id, n, '294276-12-31') FROM (SELECT _rollup_target('tower.hourly') * -1 AS rollup_id) r, generate_series(0, 1) n;
RESET ROLE;
SELECT count(*) FROM _invalidation WHERE granule > '200000-01-01';

-- Internal functions take any argument.
SELECT _rollup_substitute('SELECT 1', 'public', 0, 0), _rollup_substitute('SELECT 1', 'public', 'tower.ev'::regclass, 1::oid::regclass);

-- What cannot be: a circle, days of two zones, a source that goes first.
SELECT alter_rollup('tower.daily', 'SELECT who, sum(n)::bigint AS n, sum(ms) AS ms FROM tower.weekly_live WHERE bucket >= $1 AND bucket < $2 GROUP BY who');
SELECT alter_rollup('tower.daily', 'SELECT who, sum(n)::bigint AS n, sum(ms) AS ms FROM tower.daily WHERE bucket >= $1 AND bucket < $2 GROUP BY who');
SELECT create_rollup('tower.other', 'tower.daily', 'SELECT sum(n) AS n FROM tower.daily WHERE bucket >= $1 AND bucket < $2', '7 days', 'UTC');
SELECT drop_rollup('tower.daily');
SELECT drop_rollup('tower.days'), drop_rollup('tower.hourly'), drop_rollup('tower.monthly'), drop_rollup('tower.weekly'), drop_rollup('tower.daily');
SELECT count(*) AS readers FROM _invalidation_reader;

SET client_min_messages = warning;
DROP VIEW tower.oracle;
SELECT drop_stream('tower.ev');
DROP SCHEMA tower CASCADE;
DELETE FROM _invalidation;
DROP OWNED BY tower_guest;
DROP ROLE tower_guest;
