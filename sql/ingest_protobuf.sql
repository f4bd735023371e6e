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
CALL run_maintenance();
SELECT step, failures, last_error FROM maintenance_log WHERE object = 'events' AND failures > 0;

SELECT drop_stream('events');
DELETE FROM event_pipeline._protobuf_schema WHERE subject LIKE 'shop%';
DROP SCHEMA protobuf_stream CASCADE;
