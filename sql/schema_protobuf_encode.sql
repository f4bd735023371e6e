-- json_to_protobuf and jsonb_to_protobuf: ProtoJSON of registered message types to bytes.
SET client_min_messages = warning;
SET search_path = public, event_pipeline;
SET timezone = 'UTC';
\getenv abs_srcdir PG_ABS_SRCDIR
\set data :abs_srcdir '/test/data/protobuf'
SELECT register_protobuf('test encode', pg_read_binary_file(:'data' || '/events.pb')),
       register_protobuf('test corners', pg_read_binary_file(:'data' || '/corners.pb'));

-- What the reference implementation says of every event becomes a message that says it again; from jsonb too.
CREATE TEMP TABLE doc (n serial, doc json);
\set program 'gzip -dc ' :data '/events.jsonl.gz'
COPY doc (doc) FROM PROGRAM :'program' (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
SELECT count(*), count(*) FILTER (WHERE protobuf_to_jsonb('gopro.events.v1.Event', m) = doc::jsonb) AS json,
       count(*) FILTER (WHERE protobuf_to_jsonb('gopro.events.v1.Event', b) = doc::jsonb) AS jsonb,
       count(*) FILTER (WHERE json_to_protobuf('gopro.events.v1.Event', protobuf_to_json('gopro.events.v1.Event', m)) = m) AS again
FROM doc, json_to_protobuf('gopro.events.v1.Event', doc) m, jsonb_to_protobuf('gopro.events.v1.Event', doc::jsonb) b;

-- Every kind of field there and back.
CREATE TEMP TABLE example (doc json);
INSERT INTO example VALUES
('{"i32":-1,"i64":"9223372036854775807","u32":4294967295,"u64":"18446744073709551615","s32":-5,"s64":"-6","f32":1,"f64":"2","sf32":-3,"sf64":"-4","flt":0.1,"dbl":-0,"flag":true,"str":"é\n","raw":"AP/+AQ==","colour":"COLOUR_BLUE","farAway":7}'),
('{"rI32":[1,-2],"rStr":["a",""],"rDbl":[0,-0,"Infinity","NaN"],"rColour":["COLOUR_RED",9],"rInner":[{},{"a":1,"again":{"list":[1]}}],"oI32":0,"cInner":{}}'),
('{"mStr":{"":"1","a":"2"},"mBool":{"false":{},"true":{"a":1}},"mInt":{"-1":"COLOUR_RED"}}'),
('{"at":"2026-11-21T10:00:00.123456789Z","took":"-1.500s","wI64":"0","wStr":"x","wRaw":"","st":{"a":[null,1,"x",true,{"b":{}}]},"val":null,"lv":[[],{}],"mask":"fooBar.baz,x","rAt":["1970-01-01T00:00:00Z"]}'),
('{"any":{"@type":"x/corners.v3.All","i32":1,"any":{"@type":"x/google.protobuf.Any","value":{"@type":"/google.protobuf.Value","value":[1]}}}}'),
('{"str":"nul \u0000"}');
SELECT protobuf_to_json('corners.v3.All', json_to_protobuf('corners.v3.All', doc))::text = doc::text AS same FROM example;
-- Straight to jsonb, which has no U+0000: the same, for every kind of field, map key and well-known type.
SELECT protobuf_to_jsonb('corners.v3.All', m) = protobuf_to_json('corners.v3.All', m)::jsonb AS same,
       protobuf_to_jsonb('corners.v3.All', m, always_print_fields => true)::text =
       protobuf_to_json('corners.v3.All', m, always_print_fields => true)::jsonb::text AS all_printed
FROM (SELECT json_to_protobuf('corners.v3.All', replace(doc::text, '\u0000', '')::json) AS m FROM example) e;
SELECT protobuf_to_jsonb('google.protobuf.Timestamp', '\x0801', 'test encode') AS a_string;
SELECT protobuf_to_json('corners.v2.Old', json_to_protobuf('corners.v2.Old',
    '{"[corners.v2.note]": "x", "id": "i", "size": "LARGE", "by_name": {"a": "GOOD"}, "part": {"x": 1}, "piece": [{"z": 2}], "p_int": 0}'));
SELECT json_to_protobuf('corners.v3.All', '{}'), json_to_protobuf('corners.v3.All', NULL), jsonb_to_protobuf(NULL, '{}');
SELECT protobuf_to_jsonb('corners.v3.All', json_to_protobuf('corners.v3.All', '{"str":"nul \u0000"}'));

-- The jsonb is the one that the server would make of the text, byte for byte: many members, long lists, names twice, values that are no objects.
CREATE TEMP TABLE made AS SELECT message_type, json_to_protobuf(message_type, doc::json, 'test corners') AS m FROM (
    SELECT 'google.protobuf.Struct', '{' || string_agg(format('"%s%s": %s', repeat('k', n % 7), n, n), ', ') || '}' FROM generate_series(1, 100) n UNION ALL
    SELECT 'google.protobuf.ListValue', '[' || string_agg(CASE n % 5 WHEN 0 THEN 'null' WHEN 1 THEN n || '.25' WHEN 2 THEN '"' || repeat('x', n) || '"'
        WHEN 3 THEN '{"a": [' || n || ', true]}' ELSE '[[], {}]' END, ', ') || ']' FROM generate_series(1, 200) n UNION ALL
    VALUES ('google.protobuf.Struct', '{}'), ('google.protobuf.ListValue', '[]'), ('google.protobuf.Value', 'null'), ('google.protobuf.Value', '"text"'),
        ('google.protobuf.Value', '-1.5e-7'), ('google.protobuf.Value', 'true'), ('google.protobuf.Timestamp', '"2026-01-02T03:04:05Z"'),
        ('google.protobuf.Value', repeat('[', 40) || repeat(']', 40)), ('google.protobuf.Value', '[1e300, 123456789012345680, 0.1, {"": ""}]'),
        ('corners.v3.All', '{"mStr": {"b": "1", "a": "2"}, "flt": 1.1, "dbl": 0.30000000000000004}')) v(message_type, doc);
INSERT INTO made VALUES ('corners.v3.All', '\xba01050a01611001ba01050a01621002ba01050a01611003'),
    ('google.protobuf.Struct', '\x0a070a0161120220010a070a016112022000'), ('corners.v3.All', '\x');
SELECT message_type, record_image_eq(ROW(protobuf_to_jsonb(message_type, m, 'test corners')), ROW(protobuf_to_json(message_type, m, 'test corners')::jsonb)) AS same, count(*) FROM made GROUP BY 1, 2 ORDER BY 1;
SELECT count(*), bool_and(record_image_eq(ROW(protobuf_to_jsonb('gopro.events.v1.Event', m)), ROW(protobuf_to_json('gopro.events.v1.Event', m)::jsonb))) AS same
FROM (SELECT json_to_protobuf('gopro.events.v1.Event', doc) m FROM doc) d;

-- What ProtoJSON refuses, with field and place.
SELECT json_to_protobuf('corners.v3.All', '{"i32": 2147483648}');
SELECT json_to_protobuf('corners.v3.All', '{"str": "x", "nope": 1}');
SELECT json_to_protobuf('corners.v3.All', '{"rI32": [], "r_i32": []}');
SELECT jsonb_to_protobuf('corners.v3.All', '{"cInt": 1, "cStr": "x"}');
SELECT json_to_protobuf('corners.v3.All', '{"colour": "PINK"}');
SELECT json_to_protobuf('corners.v3.All', '{"at": "2026-11-21 10:00:00Z"}');
SELECT json_to_protobuf('corners.v3.All', '{"rStr": 1}');
SELECT json_to_protobuf('corners.v3.All', '[]');
SELECT json_to_protobuf('corners.v2.Old', '{}');
SELECT json_to_protobuf('corners.v3.Nothing', '{}');
SELECT json_to_protobuf('corners.v3.All', '{}', 'test encode');
SELECT json_to_protobuf('corners.v3.All', '{}', 'test corners', 2);
SELECT json_to_protobuf('corners.v3.All', ('{"st":' || repeat('{"a":', 40) || '1' || repeat('}', 41))::json);

-- What is unknown can be left out.
SELECT json_to_protobuf('corners.v3.All', '{"nope": {"x": [1]}, "colour": "PINK", "rColour": ["PINK", "COLOUR_RED"], "mInt": {"1": "PINK"}, "i32": 1}', ignore_unknown => true);

-- Parsed and serialized again, for the conformance suite only.
SELECT _protobuf_roundtrip('corners.v3.All', '\xa03f0790010192010202038880008100');
SELECT _protobuf_roundtrip('corners.v3.All', '\x7202c080');
CREATE ROLE regress_protobuf_encoder;
SET ROLE regress_protobuf_encoder;
SELECT event_pipeline.json_to_protobuf('corners.v3.Inner', '{"a": 1}');
SELECT event_pipeline._protobuf_roundtrip('corners.v3.Inner', '');
RESET ROLE;
DROP ROLE regress_protobuf_encoder;
DELETE FROM event_pipeline._protobuf_schema WHERE subject LIKE 'test%';
