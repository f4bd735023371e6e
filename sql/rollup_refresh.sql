-- Rollups: created over an event table, refreshed from dirty buckets only, equal to a recomputation at any time.
SET TimeZone = 'UTC';
\set SHOW_CONTEXT never
SET search_path = public, event_pipeline;
CREATE SCHEMA rollup_test;

-- An event table as ingest leaves it, and what ingest does with every statement: rows and invalidations together.
CREATE TABLE rollup_test.app_events (event_time timestamptz NOT NULL, received_at timestamptz DEFAULT now(), event_type text,
    user_id text, article_id bigint, read_ms double precision, device_country text, device_model text) PARTITION BY RANGE (event_time);
CREATE TABLE rollup_test.app_events_raw (raw_id bigint);
SELECT _partition_create('rollup_test.app_events', 'event_time', '1 month');
WITH stream AS (
    INSERT INTO _stream (event_table, raw_table, format, partition_interval)
    VALUES ('rollup_test.app_events', 'rollup_test.app_events_raw', 'json', '1 month') RETURNING stream_id)
INSERT INTO _target (stream_id, route, relation) SELECT stream_id, '', 'rollup_test.app_events' FROM stream;
CREATE FUNCTION rollup_test.note(times timestamptz[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO event_pipeline._invalidation (target_id, granule)
    SELECT t.target_id, date_bin('15 minutes', x, '2000-01-01') FROM unnest(times) x, event_pipeline._target t
    WHERE t.relation = 'rollup_test.app_events'::regclass AND t.tracked $$;
CREATE FUNCTION rollup_test.add(from_ timestamptz, step interval, n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM event_pipeline._partition_ensure('rollup_test.app_events', ARRAY(SELECT from_ + i * step FROM generate_series(0, n - 1) i));
    INSERT INTO rollup_test.app_events
    SELECT from_ + i * step, now(), CASE WHEN i % 3 = 0 THEN 'camera_connect' ELSE 'article_read' END, 'user ' || i % 7,
           i % 5, (i * 37) % 1000, (ARRAY['CZ', 'US', 'DE'])[1 + i % 3], (ARRAY['HERO5', 'HERO12'])[1 + i % 2]
    FROM generate_series(0, n - 1) i;
    PERFORM rollup_test.note(ARRAY(SELECT from_ + i * step FROM generate_series(0, n - 1) i));
END $$;
SELECT rollup_test.add('2026-03-27 00:00+00', '10 minutes', 600);

-- The two examples: reads per article with distinct readers and percentiles, connects per country and model.
SELECT create_rollup('rollup_test.article_reads_daily', 'rollup_test.app_events', $$
    SELECT article_id, count(*) AS reads, count(DISTINCT user_id) AS readers,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY read_ms) AS read_ms_p50,
           percentile_cont(0.9) WITHIN GROUP (ORDER BY read_ms) AS read_ms_p90,
           percentile_cont(0.99) WITHIN GROUP (ORDER BY read_ms) AS read_ms_p99
    FROM rollup_test.app_events
    WHERE event_time >= $1 AND event_time < $2 AND event_type = 'article_read'
    GROUP BY article_id $$, '1 day', 'Europe/Prague');
SET search_path = rollup_test, event_pipeline;
SELECT create_rollup('camera_connects_daily', 'app_events',
    'SELECT device_country, device_model, count(*) AS connects FROM app_events
     WHERE event_time >= $1 AND event_time < $2 AND event_type = ''camera_connect'' GROUP BY 1, 2; -- last words', '1 day');
SET search_path = public, event_pipeline;
\d rollup_test.article_reads_daily
SELECT obj_description('rollup_test.article_reads_daily'::regclass), col_description('rollup_test.article_reads_daily'::regclass, 1);
SELECT refresh_rollup('rollup_test.article_reads_daily'), refresh_rollup('rollup_test.camera_connects_daily');
SELECT refresh_rollup('rollup_test.article_reads_daily'), refresh_rollup('rollup_test.camera_connects_daily');
SELECT * FROM rollup_test.article_reads_daily WHERE article_id = 2 ORDER BY bucket;
SELECT bucket, sum(connects) FROM rollup_test.camera_connects_daily GROUP BY 1 ORDER BY 1;

-- Local days: 23 hours on 29 March and 25 on 25 October; every event is in the local date that it says.
SELECT rollup_test.add('2026-10-23 00:00+00', '10 minutes', 600);
SELECT rollup_test.add('2026-03-28 23:00+00', '10 minutes', 138);  -- exactly the short day
SELECT rollup_test.add('2026-10-24 22:00+00', '10 minutes', 150);  -- exactly the long one
SELECT create_rollup('rollup_test.prague', 'rollup_test.app_events',
    'SELECT count(*) AS n, $2 - $1 AS length, min(event_time) = $1 AS whole FROM rollup_test.app_events WHERE event_time >= $1 AND event_time < $2',
    '1 day', 'Europe/Prague');
SET TimeZone = 'Pacific/Auckland';      -- the session's zone is of no consequence
SET DateStyle = 'German, DMY';
SELECT refresh_rollup('rollup_test.prague');
RESET DateStyle;
SET TimeZone = 'UTC';
SELECT * FROM rollup_test.prague WHERE length <> '24 hours' ORDER BY bucket;
SELECT count(*) AS wrong_days FROM rollup_test.prague p FULL JOIN (
    SELECT (event_time AT TIME ZONE 'Europe/Prague')::date AS bucket, count(*) AS n FROM rollup_test.app_events GROUP BY 1) e USING (bucket)
WHERE p.n IS DISTINCT FROM e.n;
-- Buckets of every length and zone follow one another without gap or overlap, over odd midnights too.
SELECT zone, bucket, count(*) FILTER (WHERE start > t OR next <= t OR _bucket_start(next, bucket, zone) <> next
                                      OR _bucket_start(next - interval '1 microsecond', bucket, zone) <> start) AS wrong
FROM (SELECT zone, bucket, t, _bucket_start(t, bucket, zone) AS start, _bucket_end(_bucket_start(t, bucket, zone), bucket, zone) AS next
      FROM unnest('{UTC,Europe/Prague,America/Havana,America/Sao_Paulo,Africa/Cairo,Australia/Lord_Howe,Asia/Kathmandu,Pacific/Apia}'::text[]) zone,
           unnest('{1 day,7 days,1 month,3 months,1 year,6 hours,15 minutes}'::interval[]) bucket,
           generate_series('1999-12-20 00:10+00'::timestamptz, '2024-12-31', '23 days 1 hour 7 minutes') t) b
GROUP BY 1, 2 HAVING count(*) FILTER (WHERE start > t OR next <= t OR _bucket_start(next, bucket, zone) <> next
                                      OR _bucket_start(next - interval '1 microsecond', bucket, zone) <> start) > 0;

-- A late row dirties its day alone; an event that is gone leaves no row behind.
SELECT rollup_test.add('2026-03-28 12:00+00', '1 minute', 3);
SELECT rollup_test.add('2019-07-01 12:00+00', '1 minute', 3);
SELECT refresh_rollup('rollup_test.prague', '2026-01-01'), refresh_rollup('rollup_test.prague');
SELECT * FROM rollup_test.prague WHERE bucket < '2026-01-01';
WITH gone AS (DELETE FROM rollup_test.app_events WHERE event_time < '2020-01-01' RETURNING event_time)
SELECT rollup_test.note(array_agg(event_time)) FROM gone;
SELECT refresh_rollup('rollup_test.prague');
SELECT count(*) FROM rollup_test.prague WHERE bucket < '2026-01-01';

-- Lookaround: sessions may begin in the hour before the bucket, so a change dirties the next bucket, too.
SELECT create_rollup('rollup_test.sessions', 'rollup_test.app_events', $$
    SELECT user_id, count(*) AS sessions FROM (
        SELECT user_id, event_time, lag(event_time) OVER (PARTITION BY user_id ORDER BY event_time) AS before
        FROM rollup_test.app_events WHERE event_time >= $1 - interval '1 hour' AND event_time < $2) e
    WHERE event_time >= $1 AND (before IS NULL OR event_time - before > interval '1 hour') GROUP BY user_id $$,
    '1 day', lookaround => '1 hour');
SELECT refresh_rollup('rollup_test.sessions');
SELECT rollup_test.add('2026-03-28 23:30+00', '1 minute', 1);
SELECT refresh_rollup('rollup_test.sessions');
SELECT rollup_test.add('2026-03-28 22:30+00', '1 minute', 1);
SELECT refresh_rollup('rollup_test.sessions');

-- The property: whatever comes, in whatever order, a refresh gives what a rollup made afterwards gives, and verify agrees.
SELECT create_rollup('rollup_test.quarters', 'rollup_test.app_events', $$
    WITH e AS (SELECT * FROM rollup_test.app_events WHERE event_time >= $1 AND event_time < $2)
    SELECT device_country, count(*) AS n, count(DISTINCT user_id) AS users, array_agg(user_id ORDER BY event_time, user_id) AS who
    FROM e GROUP BY device_country $$, '37 minutes');
SELECT refresh_rollup('rollup_test.quarters') > 0 AS refreshed;
DO $$
DECLARE
    of text;
    differ int := 0;
    n int;
    at timestamptz;
BEGIN
    PERFORM setseed(0.5);
    FOR round IN 1..8 LOOP
        FOR i IN 1..4 LOOP
            at := timestamptz '2026-03-20' + random() * interval '15 days';
            IF random() < 0.7 THEN
                PERFORM rollup_test.add(at, random() * interval '3 hours', 1 + (random() * 20)::int);
            ELSIF random() < 0.5 THEN
                WITH gone AS (DELETE FROM rollup_test.app_events WHERE event_time BETWEEN at AND at + interval '5 hours' RETURNING event_time)
                SELECT rollup_test.note(array_agg(event_time)) FROM gone INTO at;
            ELSE    -- a corrected clock: old and new place
                WITH moved AS (UPDATE rollup_test.app_events SET event_time = event_time + interval '50 minutes'
                               WHERE event_time BETWEEN at AND at + interval '2 hours' RETURNING event_time)
                SELECT rollup_test.note(array_agg(event_time) || array_agg(event_time - interval '50 minutes')) FROM moved INTO at;
            END IF;
        END LOOP;
        IF random() < 0.3 THEN
            CONTINUE;
        END IF;
        FOREACH of IN ARRAY '{quarters,prague,sessions,article_reads_daily}'::text[] LOOP
            PERFORM event_pipeline.refresh_rollup('rollup_test.' || of);
            SELECT differ + count(*) INTO differ FROM event_pipeline.verify_rollup('rollup_test.' || of, 30);
        END LOOP;
    END LOOP;
    FOREACH of IN ARRAY '{quarters,prague,sessions,article_reads_daily}'::text[] LOOP
        PERFORM event_pipeline.refresh_rollup('rollup_test.' || of);
        PERFORM event_pipeline.create_rollup('rollup_test.scratch', 'rollup_test.app_events', r.query, r.bucket, r.time_zone, r.lookaround)
        FROM event_pipeline._rollup r WHERE r.relation = ('rollup_test.' || of)::regclass;
        PERFORM event_pipeline.refresh_rollup('rollup_test.scratch');
        EXECUTE format('SELECT count(*) FROM ((TABLE rollup_test.%1$s EXCEPT ALL TABLE rollup_test.scratch) UNION ALL
                                              (TABLE rollup_test.scratch EXCEPT ALL TABLE rollup_test.%1$s)) d', of) INTO n;
        RAISE NOTICE '% differs from scratch in % rows', of, n;
        PERFORM event_pipeline.drop_rollup('rollup_test.scratch');
    END LOOP;
    RAISE NOTICE 'verify found % differences', differ;
END $$;

-- Events and refreshes in one transaction, with later transaction ids come and gone in between.
BEGIN;
SELECT rollup_test.add('2026-03-28 12:00+00', '1 minute', 1);
SAVEPOINT later;
SELECT rollup_test.add('2026-03-28 12:00+00', '1 minute', 1);
ROLLBACK TO later;
SELECT refresh_rollup('rollup_test.prague') > 0 AS refreshed;
SELECT rollup_test.add('2026-03-30 12:00+00', '1 minute', 1);
SELECT refresh_rollup('rollup_test.prague') > 0 AS refreshed;
SELECT * FROM verify_rollup('rollup_test.prague');
COMMIT;

-- verify tells what is wrong.
UPDATE rollup_test.prague SET n = n + 1 WHERE bucket = '2026-10-25';
DELETE FROM rollup_test.prague WHERE bucket = '2026-10-24';
SELECT _partition_ensure('rollup_test.app_events', '{2020-02-02}');
INSERT INTO rollup_test.app_events (event_time) VALUES ('2020-02-02 10:00'); -- and nobody was told
SELECT * FROM verify_rollup('rollup_test.prague') ORDER BY bucket, difference;
DELETE FROM rollup_test.app_events WHERE event_time < '2021-01-01';
SELECT refresh_rollup('rollup_test.prague');

-- Another query with the same columns recomputes every bucket; other columns are another rollup.
SELECT alter_rollup('rollup_test.prague', 'SELECT 2 * count(*) AS n, $2 - $1 AS length, true AS whole
    FROM rollup_test.app_events WHERE event_time >= $1 AND event_time < $2');
SELECT buckets = dirty AS all_dirty, version FROM rollup_status WHERE rollup = 'rollup_test.prague'::regclass;
SELECT refresh_rollup('rollup_test.prague') = buckets AS all_computed FROM rollup_status WHERE rollup = 'rollup_test.prague'::regclass;
SELECT * FROM verify_rollup('rollup_test.prague');
SELECT alter_rollup('rollup_test.prague', 'SELECT 1 AS n FROM rollup_test.app_events WHERE event_time >= $1 AND event_time < $2');

-- A bucket that fails stays dirty and is told of; the others are computed.
SELECT create_rollup('rollup_test.fragile', 'rollup_test.app_events',
    'SELECT sum(1 / article_id) AS s FROM rollup_test.app_events WHERE event_time >= $1 AND event_time < $2', '1 day');
UPDATE rollup_test.app_events SET article_id = 1;
UPDATE rollup_test.app_events SET article_id = 0 WHERE event_time BETWEEN '2026-03-24' AND '2026-03-25';
SELECT refresh_rollup('rollup_test.fragile') AS computed \gset
SELECT :computed = buckets - dirty AS others_computed, dirty, last_error, failures, oldest_dirty_age >= '0' AS aged FROM rollup_status WHERE rollup = 'rollup_test.fragile'::regclass;
-- Until it is tried again nothing has succeeded.
UPDATE _rollup SET last_success = now() - interval '1 hour' WHERE relation = 'rollup_test.fragile'::regclass;
SELECT _rollup_refresh(rollup_id, NULL, NULL, NULL, true) FROM _rollup WHERE relation = 'rollup_test.fragile'::regclass;
SELECT dirty, failures, last_success < now() - interval '1 minute' AS succeeded_before FROM rollup_status WHERE rollup = 'rollup_test.fragile'::regclass;
UPDATE rollup_test.app_events SET article_id = 1 WHERE article_id = 0;
SELECT refresh_rollup('rollup_test.fragile');
SELECT dirty, failures, last_success IS NOT NULL AS succeeded FROM rollup_status WHERE rollup = 'rollup_test.fragile'::regclass;
-- A query that does not work any more can be altered.
ALTER TABLE rollup_test.app_events RENAME COLUMN article_id TO article;
SELECT alter_rollup('rollup_test.fragile', 'SELECT sum(1 / article) AS s FROM rollup_test.app_events WHERE event_time >= $1 AND event_time < $2');
ALTER TABLE rollup_test.app_events RENAME COLUMN article TO article_id;
SELECT alter_rollup('rollup_test.fragile', 'SELECT sum(1 / article_id) AS s FROM rollup_test.app_events WHERE event_time >= $1 AND event_time < $2');

-- What a rollup cannot use is refused by name.
CREATE FUNCTION rollup_test.try(query text, bucket interval DEFAULT '1 day') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    RETURN event_pipeline.create_rollup('rollup_test.refused', 'rollup_test.app_events', query, bucket);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN sqlstate || ' ' || sqlerrm || coalesce(' / ' || nullif(hint, ''), '');
END $$;
CREATE FUNCTION rollup_test.unsure() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1';
CREATE VIEW rollup_test.hidden AS SELECT *, random() AS r FROM rollup_test.app_events;
SELECT rollup_test.try(replace(query, 'BOUNDS', 'event_time >= $1 AND event_time < $2')) FROM (VALUES
    ('SELECT count(*) AS n, rollup_test.unsure() FROM rollup_test.app_events WHERE BOUNDS'),
    ('SELECT count(*) AS n FROM rollup_test.app_events WHERE BOUNDS AND event_time < now()'),
    ('SELECT count(*) AS n FROM rollup_test.app_events WHERE BOUNDS AND event_time < CURRENT_DATE'),
    ('SELECT count(*) AS n FROM rollup_test.app_events WHERE BOUNDS AND event_time < ''now'''),
    ('SELECT count(*) AS n FROM rollup_test.app_events WHERE BOUNDS AND event_time < timestamptz '' Today '''),
    ('SELECT count(*) AS n FROM rollup_test.app_events WHERE BOUNDS AND pg_has_role(user_id, ''USAGE'')'),
    ('SELECT count(*) AS n, min(current_setting(''TimeZone'')) FROM rollup_test.app_events WHERE BOUNDS'),
    ('SELECT count(*) AS n FROM rollup_test.app_events WHERE BOUNDS AND user_id = current_user'),
    ('SELECT max(age(event_time)) AS n FROM rollup_test.app_events WHERE BOUNDS'),
    ('SELECT max(r) AS n FROM rollup_test.hidden WHERE BOUNDS'),
    ('SELECT count(*) AS n FROM rollup_test.app_events e WHERE BOUNDS AND EXISTS (SELECT FROM generate_series(1, 2) g WHERE g > random())'),
    ('SELECT count(*) AS n FROM rollup_test.app_events TABLESAMPLE system (50) WHERE BOUNDS'),
    ('SELECT user_id FROM rollup_test.app_events WHERE BOUNDS FOR UPDATE'),
    ('WITH d AS (DELETE FROM rollup_test.app_events WHERE BOUNDS RETURNING 1) SELECT count(*) AS n FROM d'),
    ('SELECT count(*) AS n FROM rollup_test.app_events'),
    ('SELECT count(*) AS n FROM rollup_test.app_events WHERE event_time >= $1 AND event_time < $3'),
    ('SELECT count(*) AS bucket FROM rollup_test.app_events WHERE BOUNDS'),
    ('SELECT count(*), count(*) FROM rollup_test.app_events WHERE BOUNDS'),
    ('SELECT count(*) AS n FROM rollup_test.nothing WHERE BOUNDS'),
    ('DELETE FROM rollup_test.app_events'), ('SELECT 1; SELECT 2'), ('')) v (query);
SELECT rollup_test.try('SELECT 1 AS n WHERE $1 < $2', b::interval) FROM unnest('{0,-1 day,1 month 1 day,1 day 1 hour}'::text[]) b;
SELECT create_rollup('rollup_test.refused', 'rollup_test.app_events_raw', 'SELECT 1 AS n WHERE $1 < $2', '1 day');
SELECT create_rollup('rollup_test.refused', 'rollup_test.app_events', 'SELECT evnt_type, count(*) AS n FROM rollup_test.app_events WHERE event_time >= $1 AND event_time < $2 GROUP BY 1', '1 day');
SELECT create_rollup('rollup_test.refused', 'rollup_test.app_events', 'SELECT count(*) AS n FORM rollup_test.app_events WHERE event_time >= $1 AND event_time < $2', '1 day');
SELECT create_rollup('rollup_test.refused', 'rollup_test.no_such', 'SELECT 1 AS n WHERE $1 < $2', '1 day');
SELECT create_rollup('rollup_test.refused', 'rollup_test.app_events', 'SELECT 1 AS n WHERE $1 < $2', '1 day', 'Europe/Praha');
SELECT create_rollup('rollup_test.prague', 'rollup_test.app_events', 'SELECT 1 AS n WHERE $1 < $2', '1 day');
SELECT refresh_rollup('rollup_test.app_events');

-- Rights: a rollup is its owner's, and its query runs as the owner even when a superuser refreshes it.
CREATE ROLE rollup_owner;
CREATE ROLE rollup_other;
GRANT USAGE, CREATE ON SCHEMA rollup_test TO rollup_owner;
SET ROLE rollup_owner;
SELECT create_rollup('rollup_test.mine', 'rollup_test.app_events', 'SELECT 1 AS n WHERE $1 < $2', '1 day');
RESET ROLE;
GRANT SELECT ON rollup_test.app_events TO rollup_owner;
SET ROLE rollup_owner;
CREATE FUNCTION rollup_test.whoami() RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN current_user; END';
SELECT create_rollup('rollup_test.mine', 'rollup_test.app_events',
    'SELECT DISTINCT rollup_test.whoami() AS who FROM rollup_test.app_events WHERE event_time >= $1 AND event_time < $2', '1 month');
SELECT refresh_rollup('rollup_test.mine', '2026-10-01') AS by_owner;
RESET ROLE;
SELECT refresh_rollup('rollup_test.mine') AS by_superuser;
SELECT DISTINCT who FROM rollup_test.mine;
SET ROLE rollup_owner;
CREATE OR REPLACE FUNCTION rollup_test.whoami() RETURNS text LANGUAGE plpgsql STABLE AS
    $$ BEGIN PERFORM set_config('role', 'none', false); RETURN current_user; END $$;
RESET ROLE;
SELECT rollup_test.add('2026-10-24 22:00+00', '10 minutes', 1);
SELECT refresh_rollup('rollup_test.mine');
SET ROLE rollup_other;
SELECT refresh_rollup('rollup_test.mine');
SELECT drop_rollup('rollup_test.mine');
SELECT count(*) AS seen FROM rollup_status;
INSERT INTO _rollup (relation, owner, target_id, source, query, search_path, bucket, time_zone, lookaround)
VALUES ('pg_class', 'rollup_owner', 1, 'pg_class', '', '', '1 day', 'UTC', '0');
SELECT _rollup_run_as('rollup_owner'::regrole, '', 'UTC', 'SELECT 1', NULL, NULL);
-- nor may a role follow an event table that it cannot read, or claim a table that is not its own, in its own name
RESET ROLE;
GRANT USAGE ON SCHEMA rollup_test TO rollup_other;
SET ROLE rollup_other;
INSERT INTO _rollup (relation, owner, target_id, source, query, search_path, bucket, time_zone, lookaround)
SELECT 'rollup_test.prague', 'rollup_other', _rollup_target('rollup_test.app_events'), 'rollup_test.app_events', '', '', '1 day', 'UTC', '0';
INSERT INTO _rollup (relation, owner, target_id, source, query, search_path, bucket, time_zone, lookaround)
SELECT 'pg_class', 'rollup_other', _rollup_target('rollup_test.app_events'), 'pg_class', '', '', '1 day', 'UTC', '0';
UPDATE _rollup SET target_id = 1;
RESET ROLE;
SET ROLE rollup_owner;
INSERT INTO _rollup (relation, owner, target_id, source, query, search_path, bucket, time_zone, lookaround)
SELECT 'rollup_test.prague', 'rollup_owner', _rollup_target('rollup_test.app_events'), 'rollup_test.app_events', '', '', '1 day', 'UTC', '0';
SELECT create_rollup('rollup_test.endless', 'rollup_test.app_events', 'SELECT 1 AS n WHERE $1 < $2', '1 second', 'UTC', '100 years');
RESET ROLE;

-- Rollups outlive their events, and are gone when dropped.
SELECT drop_rollup('rollup_test.mine');
SELECT drop_rollup('rollup_test.' || r) FROM unnest('{article_reads_daily,camera_connects_daily,sessions,quarters,fragile}'::text[]) r;
SELECT tracked FROM _target WHERE relation = 'rollup_test.app_events'::regclass;
SELECT count(*) > 0 AS kept FROM rollup_test.prague;
SELECT drop_rollup('rollup_test.prague');
SELECT tracked FROM _target WHERE relation = 'rollup_test.app_events'::regclass;
SELECT count(*) FROM _rollup_bucket;
SELECT refresh_rollup('rollup_test.prague');

-- A rollup that was never filled says what is gone.
SELECT create_stream('rollup_test.short', 'json');
SELECT create_rollup('rollup_test.orphan', 'rollup_test.short', 'SELECT count(*) AS n FROM rollup_test.short WHERE event_time >= $1 AND event_time < $2', '1 day');
SELECT drop_stream('rollup_test.short');
SELECT refresh_rollup('rollup_test.orphan');
SELECT drop_rollup('rollup_test.orphan');

SET client_min_messages = warning;
DELETE FROM _stream WHERE event_table = 'rollup_test.app_events'::regclass;
DELETE FROM _invalidation;
SELECT _partition_drop_config('rollup_test.app_events');
DROP SCHEMA rollup_test CASCADE;
DROP OWNED BY rollup_owner, rollup_other;
DROP ROLE rollup_owner, rollup_other;
