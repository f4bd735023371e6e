-- What is said to who calls a function wrongly: a SQLSTATE that fits, a message that names what he gave, and what to do.
SET TimeZone = 'UTC';
SET client_min_messages = warning;
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
CREATE SCHEMA errors;
SET search_path = errors, event_pipeline, public;
-- Calls, and takes back what that did.
CREATE FUNCTION told(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text; hint text;
BEGIN
    BEGIN
        EXECUTE 'SELECT ' || call;
        RAISE EXCEPTION USING ERRCODE = '00001';
    EXCEPTION WHEN SQLSTATE '00001' THEN
        RETURN 'nothing';
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        RETURN concat_ws(E'\n    ', sqlstate || ' ' || sqlerrm, nullif(detail, ''), nullif(hint, ''));
    END;
END $$;

-- Called with nothing but NULL, what does something says so; no value in, no value out is for functions of values.
SELECT s.said, p.oid::regprocedure
FROM pg_proc p, LATERAL (SELECT told(format('%s(%s)', p.proname, string_agg('NULL::' || a::regtype, ', ' ORDER BY n))) AS said
                         FROM unnest(p.proargtypes) WITH ORDINALITY u (a, n)) s
WHERE p.pronamespace = 'event_pipeline'::regnamespace AND p.proname !~ '^_' AND p.prokind = 'f' AND p.pronargs > 0
    AND NOT p.proargtypes::oid[] && '{cstring,internal}'::regtype[]::oid[] AND s.said ~ '^(nothing|XX)' ORDER BY p.proname COLLATE "C";

SELECT create_stream('s', 'json', route_by => 'kind') \g /dev/null
INSERT INTO s_raw (payload) VALUES ('{"a": 1, "t": "x"}');
SELECT create_rollup('r', 's', 'SELECT t, sum(a) AS n FROM s WHERE event_time >= $1 AND event_time < $2 GROUP BY t', '1 day') \g /dev/null
CREATE TABLE plain (a int);
CREATE VIEW plain_view AS SELECT 1 AS a;

-- Names.
SELECT call || ': ' || told(call) FROM unnest(ARRAY['create_stream(%L, ''json'')', 'drop_stream(%L)', 'create_rollup(%L, ''s'', ''SELECT 1'', ''1 day'')', 'drop_rollup(%L)',
    'create_flight_table(%L, ''plain'')']) f, LATERAL (SELECT format(f, 'Weird Name') AS call) c;
SELECT name || ': ' || told(format('verify(%L)', name)) FROM unnest('{"", "\"open", "a..b", "a.b.c", "\"\"", s_raw, plain, none, "none.none", "\"none\"", "S"}'::text[]) name;
SELECT name || ': ' || told(format('period_diff(%L, ''n'')', name)) FROM unnest('{s, "Weird Name"}'::text[]) name;
SELECT name || ': ' || told(format('create_period_diff_view(%L, ''r'', ''n'')', name)) FROM unnest('{plain, plain_view, r_live, none.none}'::text[]) name;
SELECT told($$create_stream('none.s', 'json')$$);
SELECT told($$create_stream('pg_temp.s', 'json')$$);
SELECT told($$create_stream('plain', 'json')$$);
SELECT told($$create_rollup('plain', 's', 'SELECT $1 AS a, $2 AS b', '1 day')$$);

-- Values.
SELECT call || ': ' || told(call) FROM unnest(ARRAY[
    $$drop_stream('s', NULL)$$, $$alter_rollup('r', NULL)$$, $$alter_rollup('r', '1 year')$$, $$schedule(NULL)$$,
    $$create_stream('new', 'json', settings => '{"future_window": "x"}')$$, $$alter_stream('s', settings => '{"late_window": "soon"}')$$,
    $$create_stream('new', 'json', partition_interval => '9999 years')$$,
    $$verify('s', -1)$$, $$verify_rollup('r', -1)$$, $$reconcile('s', width => '1 month')$$, $$reconcile('s', width => '0')$$, $$period_diff('r', 'n', '1 day', '{NULL}')$$]) call;

-- Rights.
CREATE ROLE errors_none;
GRANT USAGE ON SCHEMA errors TO errors_none;
SET ROLE errors_none;
SELECT call || ': ' || told(call) FROM unnest(ARRAY[
    $$create_stream('new', 'json')$$, $$create_rollup('new', 's', 'SELECT 1', '1 day')$$, $$create_flight_table('new', 'plain')$$, $$create_period_diff_view('new', 'r', 'n')$$,
    $$verify('s')$$, $$replay('s')$$, $$drop_stream('s')$$, $$rename_column('s', 'a', 'b')$$, $$refresh_rollup('r')$$, $$schedule()$$]) call;
RESET ROLE;

-- In a transaction that may only read, the books can be read.
BEGIN TRANSACTION READ ONLY;
SELECT call || ': ' || told(call) FROM unnest('{reconcile, verify, replay, freeze, drop_stream}'::text[]) f, LATERAL (SELECT format('%s(''s'')', f) AS call) c;
COMMIT;

SELECT drop_rollup('r'), drop_stream('s') \g /dev/null
DROP SCHEMA errors CASCADE;
DROP ROLE errors_none;
