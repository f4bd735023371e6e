-- Protobuf streams whose schema changes: fields that came before their schema, removed and renamed ones, enums.
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET search_path = protobuf_stream, event_pipeline;
\getenv abs_srcdir PG_ABS_SRCDIR
\set data :abs_srcdir '/test/data/protobuf'
\set first `base64 -w0 $PG_ABS_SRCDIR/test/data/protobuf/stream1.pb`
\set second `base64 -w0 $PG_ABS_SRCDIR/test/data/protobuf/stream2.pb`
CREATE SCHEMA protobuf_stream;
SELECT register_protobuf('shop', decode(:'first', 'base64')), register_protobuf('shop writer', decode(:'second', 'base64'));
SELECT create_stream('events', 'protobuf', 'shop.Event', event_time => 'occurred_at', subject => 'shop', required => 'event_id,occurred_at');

-- Writers have a newer schema than the one that is registered.
CREATE FUNCTION message(doc json) RETURNS bytea LANGUAGE sql
    AS $$ SELECT json_to_protobuf('shop.Event', doc, 'shop writer') $$;
INSERT INTO events_raw (payload)
SELECT message(doc) FROM (VALUES
    (1, '{"eventId": "1", "occurredAt": "2026-11-01T10:00:00Z", "kind": "KIND_KLICK", "device": {"serial": "a"}, "view": {"page": "home"}}'::json),
    (2, '{"eventId": "2", "occurredAt": "2026-11-01T10:01:00Z", "kind": "KIND_SWIPE",
          "device": {"serial": "b", "battery": {"percent": 7}, "colour": "red"}, "buy": {"cents": 5},
          "ratio": 3, "steps": [1, -2, 3], "seenAt": "2026-11-01T09:00:00.5Z", "took": "-1.5s", "digest": "AAH/", "tally": {"x": 1},
          "sure": false, "big": "18446744073709551615", "plain": "-9"}'),
    (3, '{"eventId": "3", "occurredAt": "2026-11-02T10:01:00Z", "stream": {"platform": "tv", "device": {"serial": "c"}}}')) v (n, doc)
ORDER BY n;
-- One field in pieces, and of another wire type than the field has; a field that nobody knows.
INSERT INTO events_raw (payload) VALUES
    (message('{"eventId": "4", "occurredAt": "2026-11-02T10:02:00Z"}') || '\xb20101021a00b001060a0134'),
    (message('{"eventId": "5", "occurredAt": "2026-11-02T10:03:00Z"}') || '\x621b0a05616263'),
    (message('{"eventId": "5", "occurredAt": "2026-11-02T10:03:00Z"}') || '\x6007c03e07');
SELECT event_id, kind, device_serial, _ep_rescued FROM events ORDER BY event_id;
SELECT unnamed_enums FROM stream_stats WHERE stream = 'events';
SELECT seq, stage, path, message FROM rejected WHERE stream::text = 'events';
SELECT path, reason, column_types, value_count FROM wanted_columns WHERE stream::text = 'events' ORDER BY path COLLATE "C";
SELECT * FROM verify('events', NULL);
-- Nothing to do as long as nobody knows them.
CALL run_maintenance();
SELECT count(*) FROM wanted_columns WHERE stream::text = 'events';

-- The newer schema is registered: columns come, with what was kept.
SELECT register_protobuf('shop', decode(:'second', 'base64'), 'none');
SELECT * FROM verify('events', NULL);
CALL run_maintenance();
SELECT event_id, device_battery_percent AS percent, device_colour AS colour, ratio, steps, seen_at, took, digest, tally, sure, big, plain,
       stream_platform, stream_viewers, stream_device_serial
FROM events ORDER BY event_id;
SELECT event_id, _ep_rescued FROM events WHERE _ep_rescued IS NOT NULL ORDER BY event_id;
SELECT path, reason, column_types, value_count FROM wanted_columns WHERE stream::text = 'events' ORDER BY path COLLATE "C";
SELECT * FROM verify('events', NULL);
SELECT column_name, description FROM stream_columns WHERE stream::text = 'events' AND column_name IN ('sure', 'plain') ORDER BY 1;
CALL run_maintenance();
SELECT step, failures, last_error FROM maintenance_log WHERE object = 'events' AND failures > 0;

SELECT drop_stream('events');

-- Frames of Confluent: magic byte, schema id, message indexes. Event is the second message of the file.
SELECT create_stream('framed', 'protobuf', 'shop.Event', event_time => 'occurred_at', subject => 'shop', framing => 'confluent', route_by => 'what');
SELECT map_schema_id(7, 'shop', 9);
SELECT map_schema_id(-1, 'shop', 1);
SELECT map_schema_id(7, 'shop', 1), map_schema_id(1000, 'shop', 2), map_schema_id(8, 'shop writer', 1);
SELECT schema_id, subject, version FROM protobuf_schema_ids ORDER BY 1;
INSERT INTO framed_raw (payload)
SELECT frame || message(doc) FROM (VALUES
    (1, '\x00000000070202'::bytea, '{"eventId": "1", "occurredAt": "2026-11-01T10:00:00Z", "view": {"page": "home"}}'::json),
    (2, '\x00000003e80202', '{"eventId": "2", "occurredAt": "2026-11-01T10:00:00Z", "stream": {"viewers": 1}}'),
    (3, '\x00000000070202', '{"eventId": "3", "occurredAt": "2026-11-01T10:00:00Z"}'),
    (4, '\x00000000080202', '{"eventId": "4", "occurredAt": "2026-11-01T10:00:00Z", "kind": "KIND_KLICK"}'),
    (5, '\x000000000700', '{"eventId": "of the first message of the file"}'),
    (6, '\x0000000007040400', '{"eventId": "of a message in the third"}'),
    (7, '\x00000000070264', '{"eventId": "of no message"}'),
    (8, '\x000000000702ff', '{}'),
    (9, '\x', '{"eventId": "without a frame"}'),
    (10, '\x00000000', '{}')) v (n, frame, doc)
ORDER BY n;
SELECT raw_id, path, sqlstate, message, expected, found FROM rejected WHERE stream::text = 'framed' ORDER BY raw_id;
-- Each case of the oneof has its table.
SELECT route, target FROM stream_tables WHERE stream::text = 'framed' ORDER BY 1;
SELECT event_id FROM framed;
SELECT event_id, view_page FROM framed_view;
SELECT event_id, stream_viewers FROM framed_stream;
SELECT map_schema_id(8, 'shop', 2);
SELECT alias('framed', 'kind', 'KIND_KLICK', 'KIND_CLICK');
SELECT rejected, typed FROM replay('framed', ARRAY[4]);
SELECT event_id, kind FROM framed ORDER BY 1;
SELECT * FROM verify('framed', NULL);
SELECT drop_stream('framed');
-- A stream keeps the subject that alone defined its type when it was made, whoever defines it later.
DELETE FROM event_pipeline._protobuf_schema_id;
DELETE FROM event_pipeline._protobuf_schema WHERE subject = 'shop writer';
SELECT create_stream('kept', 'protobuf', 'shop.Event');
SELECT register_protobuf('shop writer', decode(:'second', 'base64'));
INSERT INTO kept_raw (payload) SELECT json_to_protobuf('shop.Event', '{"event_id": "k"}', 'shop');
SELECT k.event_id, s.settings FROM kept k, streams s WHERE s.stream::text = 'kept';
SELECT drop_stream('kept');
DELETE FROM event_pipeline._protobuf_schema_id;
DELETE FROM event_pipeline._protobuf_schema WHERE subject LIKE 'shop%';
DROP SCHEMA protobuf_stream CASCADE;
