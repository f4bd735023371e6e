-- A protobuf field that a newer schema renames keeps its column: its number is its identity.
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET search_path = protobuf_rename, event_pipeline;
\set first `base64 -w0 $PG_ABS_SRCDIR/test/data/protobuf/rename1.pb`
\set second `base64 -w0 $PG_ABS_SRCDIR/test/data/protobuf/rename2.pb`
\set third `base64 -w0 $PG_ABS_SRCDIR/test/data/protobuf/rename3.pb`
CREATE SCHEMA protobuf_rename;
SELECT register_protobuf('rename', decode(:'first', 'base64'));
SELECT create_stream('events', 'protobuf', 'rename.Event', event_time => 'at', event_id => 'id', subject => 'rename',
                     required => '{id,at}');
-- Another stream of the type has no columns yet, and a stream of another subject is none of its business.
SELECT create_stream('later', 'protobuf', 'rename.Event', event_time => 'at', required => 'id, at');
INSERT INTO events_raw (payload) SELECT json_to_protobuf('rename.Event', doc) FROM (VALUES
    ('{"id": "1", "at": "2026-11-01T10:00:00Z", "user": "ann", "device": {"serial": "s1", "battery": {"percent": 80}}, "city": "Oslo", "click": {"button": "left"}}'::json),
    ('{"id": "2", "at": "2026-11-01T11:00:00Z", "user": "bo", "cents": "5"}'),
    ('{"id": "3", "user": "without a time"}'),
    ('{"at": "2026-11-01T11:00:00Z", "user": "without an id"}')) v(doc);
SELECT path, message FROM rejected WHERE stream::text = 'events' ORDER BY raw_id;

-- The next version is no compatible one, as JSON has other names; whoever wants it all the same says so.
SELECT register_protobuf('rename', decode(:'second', 'base64'));
SELECT register_protobuf('rename', decode(:'second', 'base64'), 'none');
SELECT path, to_path FROM stream_aliases WHERE stream = 'events' ORDER BY path COLLATE "C";
SELECT path, to_path FROM stream_aliases WHERE stream = 'later';
SELECT stream, settings ->> 'required' AS required FROM event_pipeline.streams ORDER BY 1;
INSERT INTO events_raw (payload) SELECT json_to_protobuf('rename.Event', doc) FROM (VALUES
    ('{"eventId": "4", "happenedAt": "2026-11-01T12:00:00Z", "customer": "cy", "gadget": {"serialNo": "s2", "battery": {"charge": 70}, "glass": {"label": "wide"}},
       "town": "Rome", "used": 3, "user": "of number 7", "press": {"key": "right"}}'::json),
    ('{"eventId": "5", "happenedAt": "2026-11-01T13:00:00Z", "minorUnits": "6"}'),
    ('{"eventId": "1", "happenedAt": "2026-11-01T14:00:00Z", "customer": "a repetition"}'),
    ('{"eventId": "6", "customer": "without a time"}')) v(doc);
SELECT event_time, id, user_, user_7, device_serial, device_battery_percent AS percent, device_glass_label AS lens, city, unused, click_button AS button, cents, _ep_rescued
FROM events ORDER BY id;
SELECT path, column_name FROM stream_columns WHERE stream = 'events' ORDER BY column_name, path COLLATE "C";
SELECT path, message FROM rejected WHERE stream::text = 'events' AND raw_id > 4 ORDER BY raw_id;
SELECT * FROM verify('events', NULL);
SELECT duplicates FROM stream_stats WHERE stream::text = 'events';

-- Renamed again, and back: still the first column.
SELECT register_protobuf('rename', decode(:'third', 'base64'), 'none');
SELECT path, to_path FROM stream_aliases WHERE stream = 'events' ORDER BY path COLLATE "C";
INSERT INTO events_raw (payload) SELECT json_to_protobuf('rename.Event', '{"eventId": "7", "happenedAt": "2026-11-01T15:00:00Z", "client": "di",
    "device": {"serialNo": "s3"}, "city": "Bern"}');
SELECT id, user_, device_serial, city, _ep_rescued FROM events WHERE id = '7';
SELECT * FROM verify('events', NULL);
-- A stream that begins now has columns of the present names.
SELECT alias('events', 'client', NULL);
SELECT create_stream('fresh', 'protobuf', 'rename.Event', event_time => 'happened_at', subject => 'rename');
INSERT INTO fresh_raw (payload) SELECT json_to_protobuf('rename.Event', '{"eventId": "8", "happenedAt": "2026-11-01T15:00:00Z", "client": "ed", "user": "of number 7"}');
SELECT event_id, client, user_ FROM fresh;

SELECT drop_stream('events'), drop_stream('later'), drop_stream('fresh');
DELETE FROM event_pipeline._protobuf_schema WHERE subject = 'rename';
DROP SCHEMA protobuf_rename CASCADE;
