-- "<rollup>_live" is exact at read time: before the first refresh, with events that no refresh has seen, in the middle of a transaction.
SET TimeZone = 'UTC';
\set SHOW_CONTEXT never
SET search_path = public, event_pipeline;
CREATE SCHEMA live_test;
SELECT create_stream('live_test.ev', 'json', event_time => 'at');
CREATE FUNCTION live_test.add(from_ timestamptz, step interval, n int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO live_test.ev_raw (payload)
    SELECT json_build_object('at', to_char(from_ + i * step, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'who', i % 5, 'ms', i * 37 % 1000) FROM generate_series(0, n - 1) i $$;
SELECT live_test.add('2026-03-27 00:00+00', '10 minutes', 600);

SELECT create_rollup('live_test.daily', 'live_test.ev', $$
    SELECT who, count(*) AS n, percentile_cont(0.9) WITHIN GROUP (ORDER BY ms) AS ms_p90, to_char(min(event_time), 'HH24:MI') AS first_at
    FROM live_test.ev WHERE event_time >= $1 AND event_time < $2 GROUP BY who $$, '1 day', 'Europe/Prague');
SELECT create_rollup('live_test.minutes', 'live_test.ev', $$
    SELECT count(*) AS n, sum(ms) AS ms FROM live_test.ev WHERE event_time >= $1 AND event_time < $2 $$, '37 minutes');
\d live_test.daily_live
SELECT obj_description('live_test.daily_live'::regclass), col_description('live_test.daily_live'::regclass, 1);

-- What the views should show, straight from the events. One statement each: all of it is of one moment.
CREATE VIEW live_test.wrong AS
SELECT count(*) FROM (
    SELECT FROM (
        SELECT bucket, who, n, ms_p90, first_at, 1 AS side FROM live_test.daily_live
        UNION ALL
        SELECT (event_time AT TIME ZONE 'Europe/Prague')::date, who, count(*), percentile_cont(0.9) WITHIN GROUP (ORDER BY ms),
               to_char(min(event_time AT TIME ZONE 'Europe/Prague'), 'HH24:MI'), -1 FROM live_test.ev GROUP BY 1, 2) d
    GROUP BY bucket, who, n, ms_p90, first_at HAVING sum(side) <> 0
    UNION ALL
    SELECT FROM (
        SELECT bucket, n, ms, 1 AS side FROM live_test.minutes_live
        UNION ALL
        SELECT date_bin('37 minutes', event_time, '2000-01-03'), count(*), sum(ms), -1 FROM live_test.ev GROUP BY 1) d
    GROUP BY bucket, n, ms HAVING sum(side) <> 0) differing;
SELECT * FROM live_test.wrong;
SELECT refresh_rollup('live_test.daily') > 0 AS refreshed;
SELECT * FROM live_test.wrong;

-- Late events that no refresh has seen, in a session with another zone; a bucket that is emptied; a new day.
SET TimeZone = 'Pacific/Auckland';
SELECT live_test.add('2026-03-28 22:50+00', '5 minutes', 30);
SELECT live_test.add('2026-04-02 12:00+00', '1 minute', 1);
SELECT * FROM live_test.wrong;
SET TimeZone = 'UTC';
BEGIN;
SELECT live_test.add('2026-03-27 12:00+00', '1 minute', 3);
SELECT * FROM live_test.wrong;
SELECT refresh_rollup('live_test.daily') > 0 AS refreshed;
SELECT live_test.add('2026-03-29 12:00+00', '1 minute', 3);
SELECT * FROM live_test.wrong;
ROLLBACK;
SELECT * FROM live_test.wrong;

-- Only what is dirty and asked for is computed, from the partitions that hold it.
CREATE FUNCTION live_test.computed(query text) RETURNS TABLE (buckets int, of_rows int) LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, FORMAT json, TIMING off) ' || query INTO plan;
    RETURN QUERY SELECT (p->>'Actual Loops')::int, (p->>'Actual Rows')::numeric::int
    FROM jsonb_path_query(plan, '$.**?(@."Function Name" == "_rollup_live")') p;
END $$;
SELECT refresh_rollup('live_test.daily') > 0 AS refreshed;
SELECT * FROM live_test.computed('SELECT * FROM live_test.daily_live');
SELECT live_test.add('2026-03-28 12:00+00', '10 minutes', 5);
SELECT live_test.add('2026-03-30 12:00+00', '10 minutes', 5);
SELECT * FROM live_test.computed('SELECT * FROM live_test.daily_live');
SELECT * FROM live_test.computed('SELECT * FROM live_test.daily_live WHERE bucket < ''2026-03-29''');
SELECT * FROM live_test.computed('SELECT * FROM live_test.daily_live WHERE bucket = ''2026-03-29''');

-- A changed query, a bucket below the floor, a failing bucket.
SELECT alter_rollup('live_test.minutes', 'SELECT count(*) AS n, sum(ms) FILTER (WHERE who < 9) AS ms FROM live_test.ev WHERE event_time >= $1 AND event_time < $2');
SELECT refresh_rollup('live_test.minutes', '2026-03-29', '2026-03-30') > 0 AS refreshed;
SELECT * FROM live_test.wrong;
BEGIN;
UPDATE _rollup SET frozen_until = '2026-03-29' WHERE relation = 'live_test.daily'::regclass;
SELECT bucket, sum(n) FROM live_test.daily_live WHERE bucket = '2026-03-28' GROUP BY 1;
ROLLBACK;
SELECT bucket, sum(n) FROM live_test.daily_live WHERE bucket = '2026-03-28' GROUP BY 1;

-- Who was granted the view reads it, also through a view of somebody else; nobody else gets anything out of its functions.
CREATE ROLE live_reader;
CREATE ROLE live_viewer;
GRANT USAGE ON SCHEMA live_test TO live_reader, live_viewer;
GRANT CREATE ON SCHEMA live_test TO live_reader;
GRANT SELECT ON live_test.daily_live TO live_reader;
SET ROLE live_reader;
SELECT sum(n) FROM live_test.daily_live;
CREATE VIEW live_test.of_one AS SELECT bucket, n FROM live_test.daily_live WHERE who = 1;
GRANT SELECT ON live_test.of_one TO live_viewer;
SET ROLE live_viewer;
SELECT sum(n) FROM live_test.of_one;
SELECT sum(n) FROM live_test.daily_live;
DO $$
BEGIN
    EXECUTE format('SELECT last_value FROM live_test.%I', (SELECT relname FROM pg_class WHERE relnamespace = 'live_test'::regnamespace
        AND oid = (SELECT refobjid FROM pg_depend JOIN pg_rewrite r ON r.oid = objid JOIN pg_class s ON s.oid = refobjid
                   WHERE ev_class = 'live_test.daily_live'::regclass AND s.relkind = 'S' LIMIT 1)));
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'the key is not for everybody';
END $$;
SELECT * FROM _rollup_dirty(0, 1);
SELECT * FROM _rollup_live(0, 1, '2026-03-28') AS q (bucket date);
SELECT seqstart, seqmin FROM pg_sequence WHERE seqrelid = (SELECT c.oid FROM pg_class c
    WHERE c.relnamespace = 'live_test'::regnamespace AND c.relkind = 'S' AND c.relname LIKE '!_ep!_rollup!_%' ESCAPE '!' ORDER BY c.oid LIMIT 1);
-- Nor do operators of the caller run as somebody else.
RESET ROLE;
GRANT CREATE ON SCHEMA live_test TO live_viewer;
SET ROLE live_viewer;
CREATE FUNCTION live_test.caught(bigint, bigint) RETURNS boolean LANGUAGE plpgsql COST 0.001 AS $$
BEGIN
    RAISE NOTICE 'this ran with other rights: %', current_user <> 'live_viewer';
    RETURN true;
END $$;
CREATE OPERATOR live_test.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = live_test.caught);
SET search_path = live_test, pg_catalog;
\set VERBOSITY sqlstate
SELECT * FROM event_pipeline._rollup_live((SELECT pg_catalog.substr(c.relname, 12)::int FROM pg_catalog.pg_class c WHERE c.relnamespace = 'live_test'::regnamespace
    AND c.relname LIKE '!_ep!_rollup!_%' ESCAPE '!' ORDER BY c.oid LIMIT 1), 1, '2026-03-28') AS q (bucket date);
\set VERBOSITY default
SET search_path = public, event_pipeline;
DROP OPERATOR live_test.= (bigint, bigint);
RESET ROLE;
DROP VIEW live_test.of_one;

-- The query runs as the rollup's owner, whoever reads.
CREATE ROLE live_owner;
GRANT USAGE, CREATE ON SCHEMA live_test TO live_owner;
GRANT SELECT ON live_test.ev TO live_owner;
SET ROLE live_owner;
CREATE FUNCTION live_test.whoami() RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN current_user; END';
SELECT create_rollup('live_test.mine', 'live_test.ev',
    'SELECT DISTINCT live_test.whoami() AS who FROM live_test.ev WHERE event_time >= $1 AND event_time < $2', '1 month');
RESET ROLE;
SELECT DISTINCT who FROM live_test.mine_live;
-- Nor does what a reader has in pg_temp take the place of the types and tables of the query.
SET ROLE live_owner;
SET search_path = live_test, event_pipeline;
SELECT create_rollup('texts', 'ev', 'SELECT count(*)::text AS n FROM ev WHERE event_time >= $1 AND event_time < $2', '1 month');
GRANT SELECT ON texts_live TO live_reader;
SET ROLE live_reader;
SET search_path = public, event_pipeline;
CREATE FUNCTION pg_temp.caught() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'this ran as %', current_user; RETURN true; END $$;
CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (pg_temp.caught());
CREATE VIEW pg_temp.ev AS SELECT event_time FROM generate_series(timestamptz '2020-01-01', '2027-01-01', '1 day') event_time WHERE pg_temp.caught();
SELECT count(*) > 0 AS rows FROM live_test.texts_live;
DROP DOMAIN pg_temp.text;
DROP VIEW pg_temp.ev;
SET ROLE live_owner;
SELECT drop_rollup('live_test.texts');
RESET ROLE;
SELECT refresh_rollup('live_test.mine') > 0 AS refreshed;
SET ROLE live_owner;
SELECT drop_rollup('live_test.mine');
RESET ROLE;

-- Columns may have any name.
SELECT create_rollup('live_test.named', 'live_test.ev', 'SELECT who AS c, count(*) AS s, 1 AS d, 2 AS day, 3 AS start, 4 AS k, 5 AS q, 6 AS last_value, 7 AS content
    FROM live_test.ev WHERE event_time >= $1 AND event_time < $2 GROUP BY who', '1 month');
SELECT sum(s), sum(day), sum(last_value) FROM live_test.named_live;
SELECT refresh_rollup('live_test.named') > 0 AS refreshed;
SELECT * FROM verify_rollup('live_test.named');
UPDATE live_test.named SET s = 0 WHERE c = 1;
SELECT count(*) FROM verify_rollup('live_test.named');
SELECT drop_rollup('live_test.named');

-- Names, and the order of dropping.
SELECT create_rollup('live_test.' || repeat('x', 59), 'live_test.ev', 'SELECT 1 AS n WHERE $1 < $2', '1 day');
CREATE VIEW live_test.minutes_of_mine AS SELECT * FROM live_test.minutes_live;
SELECT drop_rollup('live_test.minutes');
DROP VIEW live_test.minutes_of_mine, live_test.wrong;
SELECT drop_rollup('live_test.minutes'), drop_rollup('live_test.daily');
SELECT relname, relkind FROM pg_class WHERE relnamespace = 'live_test'::regnamespace AND (relkind = 'S' OR relname LIKE '%live%');

SET client_min_messages = warning;
SELECT drop_stream('live_test.ev');
DROP SCHEMA live_test CASCADE;
DROP OWNED BY live_owner, live_reader, live_viewer;
DROP ROLE live_owner, live_reader, live_viewer;
