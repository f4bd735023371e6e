-- Columns that a user adds by hand under an attribute's name are used for all values that they hold whole, and others go to a variant;
-- no column is made that nothing comes into.
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
CREATE SCHEMA ingest_adopt;
SET search_path = ingest_adopt, event_pipeline;
-- the columns of attributes, in the order of the table, with how many values each has
CREATE FUNCTION filled(stream text, OUT column_name name, OUT column_type regtype, OUT "values" bigint) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
    c record;
BEGIN
    FOR c IN SELECT DISTINCT a.attnum, s.target, s.column_name AS name, s.column_type AS type FROM stream_columns s
             JOIN pg_attribute a ON a.attrelid = s.target AND a.attname = s.column_name WHERE s.stream = $1 AND s.raw_id IS NOT NULL ORDER BY 1 LOOP
        column_name := c.name;
        column_type := c.type;
        EXECUTE format('SELECT count(%I) FROM %s', c.name, c.target) INTO "values";
        RETURN NEXT;
    END LOOP;
END $$;
-- nothing is lost: empty, and true
CREATE FUNCTION lost(stream text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT v::text FROM verify($1, NULL) v UNION ALL
    SELECT r::text FROM reconcile($1) r WHERE missing <> 0 $$;

-- JSON: what fits, by a statement of its own, each type that may be declared, and some that may not be.
SELECT create_stream('js', 'json', settings => '{"infer_timestamps": true}');
ALTER TABLE js ADD b boolean, ADD i integer, ADD l bigint, ADD r real, ADD d double precision, ADD n numeric, ADD t text, ADD raw bytea, ADD j jsonb,
    ADD at timestamptz, ADD took interval, ADD i_list integer[], ADD s smallint, ADD day date, ADD ts timestamp, ADD v varchar, ADD v9 varchar(9), ADD n2 numeric(4,2),
    ADD g integer GENERATED ALWAYS AS (1) STORED;
INSERT INTO js_raw (payload) VALUES
    ('{"b":true,"i":1,"l":2,"r":1.5,"d":0.1,"n":1,"t":"x","j":[1],"at":"2026-01-01T00:00:00Z","s":3,"g":4,"v":"v","v9":"v","n2":1.5}'),
    ('{"I":-2147483648,"i":2147483647,"R":3,"n":1e30,"d":7,"n_":12345678901234567890,"day":"2026-01-01","ts":"2026-01-01T00:00:00"}');
SELECT * FROM filled('js');
SELECT i, r, n, d, _ep_rescued FROM js;
SELECT operation, count(*) FROM schema_log WHERE stream = 'js' AND mode = 'inline' GROUP BY 1 ORDER BY 1;
-- what does not, later
INSERT INTO js_raw (payload) VALUES ('{"i":2147483648,"r":0.1,"l":0.5,"b":1,"at":"then","raw":"x","took":1,"i_list":[1]}'), ('{"i":5,"r":16777217,"l":7}');
SELECT i, i__bigint, r, r__double, l, l__double, b__bigint, at__text, raw__text, took__bigint, i_list__jsonb FROM js WHERE _ep_raw_id > 2 ORDER BY _ep_raw_id;
SELECT * FROM filled('js') WHERE "values" = 0;
SELECT * FROM lost('js');
SELECT drop_stream('js');
-- both at once, in one statement, in either order, also values of types that do not join
SELECT create_stream('js', 'json');
ALTER TABLE js ADD i integer, ADD r real, ADD t text, ADD u text, ADD b boolean, ADD d double precision, ADD l bigint;
INSERT INTO js_raw (payload) VALUES ('{"i":1,"r":0.1,"t":"x","u":1,"b":1,"d":1,"l":9007199254740993}'), ('{"i":2147483648,"r":1.5,"t":2,"u":"x","b":true,"d":9007199254740993,"l":0.5}'),
    ('{"I":2,"u":false,"t":null}');
SELECT i, i__bigint, r, r__double, t, t__bigint, u, u__bigint, u__boolean, b, b__bigint, d, d__bigint, l, l__numeric, _ep_rescued FROM js ORDER BY _ep_raw_id;
SELECT * FROM filled('js');
SELECT * FROM lost('js');
-- added between events, under the name of an attribute that is not there yet; of one that is, its column stays what it was
ALTER TABLE js ADD later integer, ADD half real;
ALTER TABLE js ADD later_too bigint;
INSERT INTO js_raw (payload) VALUES ('{"later":1,"half":0.5,"later_too":1,"i":3}');
INSERT INTO js_raw (payload) VALUES ('{"later":3000000000,"half":0.3,"later_too":"x"}');
SELECT later, later__bigint, half, half__double, later_too, later_too__text FROM js WHERE _ep_raw_id > 3 ORDER BY _ep_raw_id;
SELECT * FROM filled('js') WHERE "values" = 0;
SELECT * FROM lost('js');
SELECT drop_stream('js');

-- In a transaction, by a worker: what fits, what does not, and both.
SELECT create_stream('js', 'json');
ALTER TABLE js ADD i integer, ADD r real, ADD t text, ADD m integer;
BEGIN;
INSERT INTO js_raw (payload) VALUES ('{"i":1,"r":1.5,"t":"x","m":1}'), ('{"i":2,"m":2147483648}'), ('{"m":"x"}');
COMMIT;
BEGIN;
INSERT INTO js_raw (payload) VALUES ('{"i":3000000000,"r":0.1,"t":1}');
COMMIT;
SELECT i, i__bigint, r, r__double, t, t__bigint, m, m__bigint, m__text, _ep_rescued FROM js ORDER BY _ep_raw_id;
SELECT column_name, mode FROM schema_log WHERE stream = 'js' AND column_name IS NOT NULL ORDER BY column_name COLLATE "C";
SELECT * FROM filled('js') WHERE "values" = 0;
SELECT * FROM lost('js');
SELECT drop_stream('js');

-- By the maintenance, when the table was in use.
SELECT create_stream('js', 'json');
ALTER TABLE js ADD i integer, ADD r real, ADD t text, ADD m integer;
BEGIN;
SELECT FROM js;
INSERT INTO js_raw (payload) VALUES ('{"i":1,"r":1.5,"t":"x","m":1}'), ('{"i":2,"r":2}');
INSERT INTO js_raw (payload) VALUES ('{"t":"y","m":2147483648}');
COMMIT;
SELECT path, reason, column_types, value_count FROM wanted_columns WHERE stream = 'js' ORDER BY path;
CALL run_maintenance();
CALL run_maintenance();
SELECT i, r, t, m, m__bigint, _ep_rescued FROM js ORDER BY _ep_raw_id;
SELECT path, reason FROM wanted_columns WHERE stream = 'js';
SELECT * FROM filled('js');
SELECT * FROM lost('js');
SELECT drop_stream('js');

-- What is there already takes no room; of two attributes with its name the first one has it.
SELECT create_stream('js', 'json', settings => '{"max_columns": 2, "max_new_columns": 0}');
ALTER TABLE js ADD i integer, ADD t text, ADD a_b integer, ADD spare integer;
INSERT INTO js_raw (payload) VALUES ('{"i":1,"t":"x","a_b":1,"a":{"b":2},"new":1}');
BEGIN;
INSERT INTO js_raw (payload) VALUES ('{"i":2147483648,"t":"y","spare":1}');
COMMIT;
SELECT i, t, a_b, spare, _ep_rescued FROM js ORDER BY _ep_raw_id;
-- one that is made later, when it may not be made by ingest either: for the limit, and for the contract
ALTER TABLE js ADD "new" integer;
SELECT alter_stream('js', contract => '{"columns": "rescue"}');
INSERT INTO js_raw (payload) VALUES ('{"late":1}');
ALTER TABLE js ADD late integer;
CALL run_maintenance();
SELECT "new", late, _ep_rescued FROM js ORDER BY _ep_raw_id;
SELECT * FROM filled('js');
SELECT * FROM lost('js');
SELECT drop_stream('js');

-- A default is for events that have no value for the column; one that is kept elsewhere is a value.
SELECT create_stream('js', 'json');
ALTER TABLE js ADD i integer DEFAULT 7, ADD r real NOT NULL DEFAULT 0.5, ADD other text DEFAULT 'o', ADD late integer DEFAULT 9;
INSERT INTO js_raw (payload) VALUES ('{"i":2147483648,"r":0.1}'), ('{"i":1,"r":1}'), ('{"i":null}'), ('{"i":"x"}');
BEGIN;
SELECT FROM js;
INSERT INTO js_raw (payload) VALUES ('{"i":true,"late":3,"k":1}');
COMMIT;
SELECT i, i__bigint, i__text, r, r__double, other, late, _ep_rescued FROM js ORDER BY _ep_raw_id;
CALL run_maintenance();
SELECT i, i__boolean, late, k, _ep_rescued FROM js WHERE _ep_raw_id = 5;
SELECT * FROM lost('js');
SELECT drop_stream('js');

-- CSV: text holds every cell.
SELECT create_stream('cs', 'csv');
ALTER TABLE cs ADD i integer, ADD r real, ADD t text, ADD n numeric, ADD m integer, ADD b boolean;
INSERT INTO cs_raw (payload) VALUES (E'i,r,t,n,m,b\n1,1.5,1,1,1,true\n2,2,2.5,1.10,2147483648,true\n'), (E'm,t\n,true\n3,x\n');
SELECT i, r, t, n, m, m__bigint, b, _ep_rescued FROM cs ORDER BY _ep_raw_id, _ep_seq;
SELECT * FROM filled('cs');
INSERT INTO cs_raw (payload) VALUES (E'i,r,n,b\n1,0.1,x,1\n2147483648,1,1,false\n');
SELECT i, i__bigint, r, r__double, n, n__text, b, b__bigint FROM cs WHERE _ep_raw_id = 3 ORDER BY _ep_seq;
SELECT * FROM filled('cs') WHERE "values" = 0;
SELECT * FROM lost('cs');
SELECT drop_stream('cs');

-- Protobuf: the schema's types are wider than the columns.
\set corners `base64 -w0 $PG_ABS_SRCDIR/test/data/protobuf/corners.pb`
SELECT register_protobuf('ingest_adopt', decode(:'corners', 'base64'));
CREATE FUNCTION message(doc json) RETURNS bytea LANGUAGE sql AS $$ SELECT json_to_protobuf('corners.v3.All', doc, 'ingest_adopt') $$;
SELECT create_stream('pb', 'protobuf', message_type => 'corners.v3.All', subject => 'ingest_adopt');
ALTER TABLE pb ADD i32 bigint, ADD i64 integer, ADD u32 integer, ADD u64 integer, ADD s64 real, ADD f64 bigint, ADD flt double precision, ADD dbl real, ADD flag boolean,
    ADD raw text, ADD str bytea, ADD r_i32 bigint[], ADD r_dbl real[], ADD r_str text[], ADD at timestamptz, ADD took interval, ADD w_i64 integer, ADD sf64 numeric;
INSERT INTO pb_raw (payload) VALUES
    (message('{"i32":1,"i64":"2","u32":3,"u64":"4","s64":"5","f64":"6","flt":0.1,"dbl":0.5,"flag":true,"rI32":[1,2],"rDbl":[0.5],"rStr":["x"],"wI64":"7","sf64":"8"}')),
    (message('{"at":"2026-01-01T00:00:00Z","took":"1.5s","i64":"-2147483648","dbl":"NaN"}'));
SELECT * FROM filled('pb');
INSERT INTO pb_raw (payload) VALUES
    (message('{"i64":"2147483648","u32":4000000000,"u64":"18446744073709551615","s64":"16777217","f64":"9223372036854775808","dbl":0.1,"rDbl":[0.5,0.1],"str":"x","raw":"AAE="}')),
    (message('{"i64":"9","u64":"9","s64":"9"}'));
SELECT i64, i64__bigint, u32, u32__bigint, u64, u64__numeric, s64, s64__bigint, f64, f64__numeric, dbl, dbl__double, r_dbl, r_dbl__double_array, str__text, raw__bytea, _ep_rescued
FROM pb WHERE _ep_raw_id > 2 ORDER BY _ep_raw_id;
SELECT * FROM filled('pb') WHERE "values" = 0;
SELECT * FROM lost('pb');
-- by the maintenance
ALTER TABLE pb ADD o_i32 real, ADD w_str text, ADD inner_list bigint[];
BEGIN;
SELECT FROM pb;
INSERT INTO pb_raw (payload) VALUES (message('{"oI32":1,"wStr":"x","inner":{"list":[1]}}'));
COMMIT;
CALL run_maintenance();
CALL run_maintenance();
SELECT o_i32, w_str, inner_list, _ep_rescued FROM pb WHERE _ep_raw_id = 5;
SELECT * FROM filled('pb') WHERE "values" = 0;
SELECT path, reason FROM wanted_columns WHERE stream = 'pb';
SELECT * FROM lost('pb');
SELECT drop_stream('pb');
-- of fields that came before their schema
\set first `base64 -w0 $PG_ABS_SRCDIR/test/data/protobuf/stream1.pb`
\set second `base64 -w0 $PG_ABS_SRCDIR/test/data/protobuf/stream2.pb`
SELECT register_protobuf('ingest_adopt 1', decode(:'first', 'base64')), register_protobuf('ingest_adopt 2', decode(:'second', 'base64'));
SELECT create_stream('pb', 'protobuf', message_type => 'shop.Event', subject => 'ingest_adopt 1');
INSERT INTO pb_raw (payload) SELECT json_to_protobuf('shop.Event', doc, 'ingest_adopt 2') FROM (VALUES
    ('{"eventId":"a","big":"1","plain":"1","steps":[1],"ratio":0.5}'::json), ('{"eventId":"b","big":"18446744073709551615","plain":"2"}')) v(doc);
SELECT register_protobuf('ingest_adopt 1', decode(:'second', 'base64'), 'none');
ALTER TABLE pb ADD big integer, ADD plain integer, ADD ratio double precision, ADD steps bigint[];
CALL run_maintenance();
CALL run_maintenance();
SELECT big, big__numeric, plain, ratio, steps, _ep_rescued FROM pb ORDER BY _ep_raw_id;
SELECT * FROM filled('pb') WHERE "values" = 0;
SELECT * FROM lost('pb');
SELECT drop_stream('pb');
DELETE FROM event_pipeline._protobuf_schema WHERE subject LIKE 'ingest_adopt%';
DROP SCHEMA ingest_adopt CASCADE;
