-- Chosen fields of protobuf messages as typed columns.
SET client_min_messages = warning;
SET search_path = public, event_pipeline;
SET timezone = 'UTC';
\getenv abs_srcdir PG_ABS_SRCDIR
\set data :abs_srcdir '/test/data/protobuf'
SELECT register_protobuf('test events', pg_read_binary_file(:'data' || '/events.pb')),
       register_protobuf('test corners', pg_read_binary_file(:'data' || '/corners.pb'));

-- Columns by name, JSON name, path and the name that a stream gives; each type exactly.
CREATE TEMP TABLE sample AS SELECT json_to_protobuf('corners.v3.All', doc) AS m FROM (VALUES
    ('{"i32":-1,"i64":"-9007199254740993","u32":4294967295,"u64":"18446744073709551615","flt":0.1,"dbl":1e300,"flag":true,"str":"å",'
     '"raw":"AP8=","colour":"COLOUR_RED","inner":{"a":5,"b":"b","again":{"a":6}},"rI32":[1,2],"rStr":["x","y"],"rInner":[{"a":1}],"mStr":{"k":"1"},'
     '"oI32":0,"cInt":7,"at":"2026-01-02T03:04:05.123456789Z","took":"-1.5s","wI64":"8","wStr":"","mask":"a,b"}'::json),
    ('{}')) v(doc);
\x on
SELECT r.* FROM sample, protobuf_to_record('corners.v3.All', m) AS r(i32 int, "i64" bigint, u32 bigint, u64 numeric, flt real, dbl float8, flag boolean,
    str text, raw bytea, colour text, inner_a int, "inner.b" text, inner_again jsonb, "rI32" int[], r_str text[], r_inner jsonb, m_str jsonb,
    o_i32 int, c_int int, c_str text, at timestamptz, took interval, w_i64 bigint, w_str text, mask text);
-- What holds every value of a field, and a message whole.
SELECT r.* FROM sample, protobuf_to_record('corners.v3.All', m) AS r(str varchar, i32 bigint, u32 numeric, s32 float8, flt float8, "inner" jsonb, c_inner jsonb);
\x off
-- A bigint takes a uint64 that it can hold.
SELECT u64 FROM protobuf_to_record('corners.v3.All', '\x2005') AS r(u64 bigint);
SELECT u64 FROM sample, protobuf_to_record('corners.v3.All', m) AS r(u64 bigint);

-- The wire's corners are those of every reader: the last wins, messages merge, an oneof forgets, unknown enum numbers are numbers.
SELECT r.* FROM protobuf_to_record('corners.v3.All', '\x08010802 8a01020801 8a0103120162 e201020807 e80105 80018006') AS r(i32 int, inner_a int, inner_b text, c_inner_a int, c_int int, colour text);
SELECT r.* FROM protobuf_to_record('corners.v3.All', '\xe80105 da0100') AS r(c_int int, c_inner_a int);
-- A case without a column clears one that has.
SELECT r.* FROM protobuf_to_record('corners.v3.All', '\xe80105f20100') AS r(c_int int);
-- Columns that come and go: the second query of one session has a plan of its own.
SELECT r.* FROM protobuf_to_record('corners.v3.All', '\x0801') AS r(i32 int, str text);
-- Another message type by row has a plan of its own.
SELECT t, r.* FROM (VALUES ('corners.v3.Inner', '\x0807'::bytea), ('corners.v3.Empty', ''), ('corners.v3.Inner', '\x0808')) v(t, m),
    protobuf_to_record(t, m, 'test corners', 1) AS r(a int);
SELECT r.* FROM (VALUES ('corners.v3.Inner', '\x0807'::bytea), ('corners.v3.Inner', NULL), (NULL, '\x0808')) v(t, m) LEFT JOIN LATERAL
    protobuf_to_record(t, m) AS r(a int) ON true;

-- What cannot be.
SELECT * FROM protobuf_to_record('corners.v3.All', '') AS r(nope int);
SELECT * FROM protobuf_to_record('corners.v3.All', '') AS r("inner.nope" int);
SELECT * FROM protobuf_to_record('corners.v3.All', '') AS r("inner.again.a" int);
SELECT * FROM protobuf_to_record('corners.v3.All', '') AS r(i64 int);
SELECT * FROM protobuf_to_record('corners.v3.All', '') AS r(at timestamp);
SELECT * FROM protobuf_to_record('corners.v3.All', '') AS r(str varchar(5));
SELECT * FROM protobuf_to_record('corners.v3.All', '') AS r("inner" text);
SELECT * FROM protobuf_to_record('corners.v3.All', '') AS r(i32 int, "I32" int);
SELECT * FROM protobuf_to_record('corners.v3.All', '') AS r(r_i32 int[], "rI32" int[]);
SELECT * FROM protobuf_to_record('corners.v3.All', '') AS r("inner" jsonb, inner_a int);
SELECT protobuf_to_record('corners.v3.All', '');
SELECT * FROM protobuf_to_record('corners.v3.All', '\x0801', 'none') AS r(i32 int);
SELECT * FROM protobuf_to_record('corners.v3.All', '\x080172') AS r(i32 int);
SELECT * FROM protobuf_to_record('corners.v3.All', '\x7201ff') AS r(i32 int);
SELECT * FROM protobuf_to_record('corners.v3.All', '\x7201ff') AS r(str text);
-- Required fields are asked for, with a column or without.
SELECT * FROM protobuf_to_record('corners.v2.Old', '\x1001') AS r(size text);
SELECT * FROM protobuf_to_record('corners.v2.Old', '\x0a01691001') AS r(size text);

-- All events: what the reference implementation says of them.
CREATE TEMP TABLE doc (doc json);
\set program 'gzip -dc ' :data '/events.jsonl.gz'
COPY doc (doc) FROM PROGRAM :'program' (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
SELECT count(*), count(r.device_serial) AS devices, count(r.uptime) AS takeoffs, count(*) FILTER (WHERE
    (r.event_id, r.event_type, r.occurred_at, r.user_id, r.session_id, r.sequence, r.battery_mv, r.labels, to_jsonb(r.values), to_jsonb(r.tags),
     r.device_serial, r.takeoff, r.uptime, r.capture) IS NOT DISTINCT FROM
    (coalesce(doc ->> 'eventId', ''), coalesce(doc ->> 'eventType', 'EVENT_TYPE_UNSPECIFIED'),
     regexp_replace(doc ->> 'occurredAt', '(\.\d{6})\d+', '\1')::timestamptz, coalesce(doc ->> 'userId', ''),
     coalesce(doc ->> 'sessionId', ''), coalesce((doc ->> 'sequence')::bigint, 0), (doc ->> 'batteryMv')::int, coalesce(doc::jsonb -> 'labels', '{}'),
     coalesce(doc::jsonb -> 'values', '[]'), coalesce(doc::jsonb -> 'tags', '[]'), CASE WHEN doc -> 'device' IS NOT NULL THEN coalesce(doc #>> '{device,serial}', '') END,
     CASE WHEN doc -> 'droneTakeoff' IS NOT NULL THEN coalesce(doc #>> '{droneTakeoff,droneSerial}', '') END,
     CASE WHEN doc -> 'droneTakeoff' IS NOT NULL THEN coalesce((doc #>> '{droneTakeoff,uptimeMs}')::numeric, 0) END, doc::jsonb -> 'mediaCapture')) AS same
FROM doc, protobuf_to_record('gopro.events.v1.Event', json_to_protobuf('gopro.events.v1.Event', doc)) AS
    f(event_id text, event_type text, occurred_at timestamptz, user_id text, session_id text, sequence bigint, battery_mv int, labels jsonb,
      values float8[], tags text[], device_serial text, "drone_takeoff.drone_serial" text, "droneTakeoff.uptimeMs" numeric, "mediaCapture" jsonb),
    LATERAL (SELECT f.*) AS r(event_id, event_type, occurred_at, user_id, session_id, sequence, battery_mv, labels, values, tags, device_serial, takeoff, uptime, capture);

DELETE FROM event_pipeline._protobuf_schema WHERE subject LIKE 'test%';
