-- Start and duration of a stored log are what the whole log says, and are read from its ends where these settle them.
SET TimeZone = 'UTC';
SET datestyle = 'ISO';
CREATE SCHEMA ends_test;
SET search_path = ends_test, public, event_pipeline;
SET client_min_messages = warning;
CREATE FUNCTION klv(key text, kind text, size int, value bytea) RETURNS bytea LANGUAGE sql AS $$
    SELECT key::bytea || CASE kind WHEN '' THEN '\x00'::bytea ELSE kind::bytea END || substr(int4send(size), 4) || substr(int4send(length(value) / size), 3)
           || value || substr('\x000000'::bytea, 1, -length(value) & 3) $$;
CREATE FUNCTION nest(key text, VARIADIC parts bytea[]) RETURNS bytea LANGUAGE sql AS $$
    SELECT klv(key, '', CASE WHEN length(c) < 262140 THEN 4 ELSE 252 END, c || CASE WHEN length(c) < 262140 THEN '' ELSE decode(repeat('00', -length(c) % 252 + 252), 'hex') END)
    FROM (SELECT string_agg(p, '' ORDER BY n) AS c FROM unnest(parts) WITH ORDINALITY u (p, n)) x $$;
CREATE FUNCTION device(id int, VARIADIC parts bytea[]) RETURNS bytea LANGUAGE sql AS $$
    SELECT nest('DEVC', VARIADIC klv('DVID', 'L', 4, int4send(id)) || klv('DVNM', 'c', 1, convert_to('Device ' || id, 'UTF8')) || parts) $$;
-- Streams of payload n: some kB of samples, with a stamp; a text clock; GPS9; the drone's two.
CREATE FUNCTION filler(n int, stamp bytea DEFAULT '') RETURNS bytea LANGUAGE sql AS $$
    SELECT nest('STRM', stamp, klv('TSMP', 'L', 4, int4send(600 * (n + 1))) || klv('ACCL', 's', 6, decode(repeat('00', 3600), 'hex'))) $$;
CREATE FUNCTION stmp(n int) RETURNS bytea LANGUAGE sql AS $$ SELECT klv('STMP', 'J', 8, int8send(7000000 + n * 1001000::bigint + n % 3 * 500)) $$;
CREATE FUNCTION tick(n int) RETURNS bytea LANGUAGE sql AS $$ SELECT klv('TICK', 'L', 4, substr(int8send((4294900000 + n * 1001 + n % 3 * 5) & 4294967295), 5)) $$;
CREATE FUNCTION gpsu(n int, fix int, period float8 DEFAULT 1.001) RETURNS bytea LANGUAGE sql AS $$
    SELECT nest('STRM', klv('GPSF', 'L', 4, int4send(fix)),
                klv('GPSU', 'U', 16, convert_to(to_char(timestamp '2021-03-04 05:06:07' + n * period * interval '1 s', 'YYMMDDHH24MISS.MS'), 'UTF8')),
                klv('GPS5', 'l', 20, decode(repeat('00', 20), 'hex'))) $$;
CREATE FUNCTION gps9(n int, fix int) RETURNS bytea LANGUAGE sql AS $$
    SELECT nest('STRM', stmp(n), klv('TYPE', 'c', 1, 'lllllllSS'), klv('SCAL', 'l', 4, int4send(1) || int4send(1) || int4send(1) || int4send(1) || int4send(1)
                || int4send(1) || int4send(1000) || int4send(1) || int4send(1)),
                klv('GPS9', '?', 32, decode(repeat('00', 20), 'hex') || int4send(9000) || int4send(43200000 + n * 1001 + CASE WHEN fix < 2 THEN 9000 ELSE 0 END) || int2send(1::int2) || int2send(fix::int2))) $$;
CREATE FUNCTION drone(n int) RETURNS bytea LANGUAGE sql AS $$
    SELECT device(9, nest('STRM', klv('TYPE', 'c', 1, 'JJ'), klv('SCAL', 'l', 4, int4send(1000000) || int4send(1000)),
                          klv('SYST', '?', 16, int8send(50000000 + n * 1000000::bigint) || int8send(1600000000000 + n * 1000::bigint)))) $$;
CREATE TABLE logs (kind text PRIMARY KEY, log gpmf);
INSERT INTO logs SELECT kind, string_agg(CASE kind
    WHEN 'gps9' THEN device(1, filler(n, stmp(n)), gps9(n, CASE WHEN n < 3 THEN 0 ELSE 3 END))
    WHEN 'tick and gpsu' THEN device(1, tick(n), filler(n), gpsu(n, CASE WHEN n < 2 THEN 0 ELSE 3 END))
    WHEN 'gpsu alone' THEN device(1, filler(n), gpsu(n, 3))
    WHEN 'gpsu alone, late fix' THEN device(1, filler(n), gpsu(n, CASE WHEN n < 40 THEN 0 ELSE 3 END))
    WHEN 'time lapse' THEN device(1, filler(n), gpsu(n, 3, 5))
    WHEN 'no clock' THEN device(1, filler(n, stmp(n)))
    WHEN 'no clock, no stamps' THEN device(1, filler(n))
    WHEN 'drone' THEN device(1, tick(n), filler(n)) || drone(n)
    WHEN 'sensor joins' THEN device(1, filler(n, stmp(n))) || CASE WHEN n > 5 THEN device(2, nest('STRM', klv('acc1', 'b', 3, '\x010203'))) ELSE '' END
    WHEN 'never a fix' THEN device(1, filler(n, stmp(n)), gpsu(n, 0))
    WHEN 'fix in the middle' THEN device(1, filler(n, stmp(n)), gpsu(n, CASE WHEN n BETWEEN 200 AND 220 THEN 3 ELSE 0 END))
    WHEN 'stamps end' THEN device(1, CASE WHEN n < 390 THEN filler(n, stmp(n)) ELSE filler(n) END, gpsu(n, 3))
    WHEN 'another device last' THEN device(CASE WHEN n < 200 THEN 1 ELSE 2 END, filler(n, stmp(n)), gpsu(n, 3))
    END, '' ORDER BY n)::gpmf
FROM generate_series(0, 399) n, unnest('{gps9,tick and gpsu,gpsu alone,"gpsu alone, late fix",time lapse,no clock,"no clock, no stamps",drone,sensor joins,never a fix,fix in the middle,stamps end,another device last}'::text[]) kind
GROUP BY kind;
SELECT min(length(log::bytea)) > 1400000 AS long FROM logs;

-- TOAST pages that a query reads: the least of some, for the caches of the session have to read again now and then.
CREATE FUNCTION pages(expression text, kind text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb;
    least_count bigint;
BEGIN
    FOR i IN 1..3 LOOP
        EXECUTE format('EXPLAIN (ANALYZE, BUFFERS, FORMAT json) SELECT %s FROM ends_test.logs WHERE kind = %L', expression, kind) INTO plan;
        least_count := least(least_count, (plan #>> '{0,Plan,Shared Hit Blocks}')::bigint + (plan #>> '{0,Plan,Shared Read Blocks}')::bigint);
    END LOOP;
    RETURN least_count;
END $$;
SELECT kind, gpmf_started_at(log) AS started_at, gpmf_started_at(log) IS NOT DISTINCT FROM gpmf_started_at((log::bytea || '')::gpmf) AS same,
       pages('gpmf_started_at(log)', kind) < pages('gpmf_hash(log)', kind) * 0.9 AS ends_alone
FROM logs ORDER BY kind COLLATE "C";
SELECT kind, gpmf_duration(log) AS duration, gpmf_duration(log) = gpmf_duration((log::bytea || '')::gpmf) AS same,
       pages('gpmf_duration(log)', kind) < pages('gpmf_hash(log)', kind) * 0.9 AS ends_alone
FROM logs ORDER BY kind COLLATE "C";
-- GPS9 says its own time where it has a fix; where it has none yet, its stamp says it
SELECT payload, round(t::numeric, 6) AS t, at, value[7] AS second_of_day, value[9] AS fix FROM logs, gpmf_samples(log, 'GPS9') WHERE kind = 'gps9' AND payload < 5;
SELECT kind, gpmf_device_names(log) FROM logs WHERE gpmf_device_names(log) <> '{Device 1}' ORDER BY kind COLLATE "C";
SELECT kind, gpmf_device_names(log) = gpmf_device_names((log::bytea || '')::gpmf) AS same FROM logs WHERE kind ~ 'device|drone|sensor' ORDER BY kind COLLATE "C";

-- bytes that look like the tail of a log, at the end of a log of one large DEVC, are not taken for it
INSERT INTO logs SELECT 'decoy', device(1, nest('STRM', klv('DATA', 'B', 255, decode(repeat('00', 255 * 5000), 'hex')) || klv('DATA', 'B', 4, string_agg(device(1, gpsu(n, 3)), ''))))::gpmf
FROM generate_series(0, 300) n;
SELECT gpmf_started_at(log), gpmf_duration(log) = gpmf_duration((log::bytea || '')::gpmf) AS same FROM logs WHERE kind = 'decoy';
DROP SCHEMA ends_test CASCADE;
