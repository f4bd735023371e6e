-- Names that are values stay what they were when a newer schema has others for the same numbers: of enums, and of the cases of a oneof.
SET client_min_messages = warning;
SET timezone = 'UTC';
SET search_path = protobuf_values, event_pipeline;
\set first `base64 -w0 $PG_ABS_SRCDIR/test/data/protobuf/values1.pb`
\set second `base64 -w0 $PG_ABS_SRCDIR/test/data/protobuf/values2.pb`
\set third `base64 -w0 $PG_ABS_SRCDIR/test/data/protobuf/values3.pb`
CREATE SCHEMA protobuf_values;
SELECT register_protobuf('values', decode(:'first', 'base64')), register_protobuf('values 2', decode(:'second', 'base64'));
SELECT create_stream('events', 'protobuf', 'values.Event', event_id => 'id', route_by => 'what', subject => 'values');
-- Another stream routes by the enum.
SELECT create_stream('by_kind', 'protobuf', 'values.Event', event_id => 'id', route_by => 'kind', subject => 'values');
CREATE FUNCTION send(doc json, subject text DEFAULT 'values') RETURNS void LANGUAGE sql AS $$
    INSERT INTO events_raw (payload) VALUES (json_to_protobuf('values.Event', doc, subject));
    INSERT INTO by_kind_raw (payload) VALUES (json_to_protobuf('values.Event', doc, subject)) $$;
SELECT send('{"id": "1", "kind": "KLICK", "kinds": ["KLICK", "SWIPE"], "parts": [{"kind": "KLICK"}], "view": {"page": "home"}}');
SELECT send('{"id": "2", "kinds": ["NONE"], "open": {}}');
-- From a newer writer: numbers without a name, and unknown fields of a message that has no column.
SELECT send('{"id": "3", "kind": "DRAG", "kinds": ["DRAG", "CLICK"], "parts": [{"kind": "DRAG"}], "gadget": {"colour": "red", "parts": [{}]}, "look": {"page": "far"}}', 'values 2');
SELECT id, kind, kinds, parts, _ep_rescued FROM events_view UNION ALL SELECT id, kind, kinds, parts, _ep_rescued FROM events_open ORDER BY id;
SELECT path, reason FROM wanted_columns WHERE target = 'events_view'::regclass;

SELECT register_protobuf('values', decode(:'second', 'base64'), 'none');
SELECT route_by FROM event_pipeline.streams WHERE stream::text = 'events';
SELECT stream, path, value, to_path, to_value FROM stream_aliases WHERE stream IN ('events', 'by_kind') ORDER BY stream, path COLLATE "C", value COLLATE "C";
SELECT send('{"id": "4", "kind": "CLICK", "kinds": ["CLICK", "KLICK", "SWIPE", "UNKNOWN"], "parts": [{"kind": "CLICK"}], "look": {"page": "again"}}');
SELECT send('{"id": "5", "kind": "KLICK", "gadget": {"serial": "s"}, "view": {"cents": "5"}}');
SELECT send('{"id": "6", "buy": {"cents": "6"}}');
SELECT * FROM verify('events', NULL);
SELECT * FROM verify('by_kind', NULL);
CALL run_maintenance();
SELECT route, target FROM stream_tables WHERE stream::text IN ('events', 'by_kind') ORDER BY 2;
SELECT id, kind, kinds, parts, view_page, device_colour, device_parts, _ep_rescued FROM events_view ORDER BY id;
SELECT id, kind, kinds, device_serial FROM events_view_13;
SELECT * FROM verify('events', NULL);

-- Again, and back; a word of somebody's own stays.
SELECT alias('events', 'event', 'buy', 'order');
SELECT register_protobuf('values', decode(:'third', 'base64'), 'none');
SELECT path, value, to_path, to_value FROM stream_aliases WHERE stream = 'events' ORDER BY path COLLATE "C", value COLLATE "C";
SELECT send('{"id": "7", "kind": "TAP", "kinds": ["TAP", "NONE"], "machine": {"colour": "blue"}, "page": {"page": "third"}}');
SELECT send('{"id": "8", "purchase": {"cents": "8"}}');
SELECT id, kind, kinds, view_page, device_colour FROM events_view ORDER BY id;
SELECT id FROM events_order;
SELECT id FROM by_kind_klick ORDER BY id;
SELECT * FROM verify('events', NULL);
SELECT * FROM verify('by_kind', NULL);
SELECT missing FROM reconcile('events');

SELECT drop_stream('events'), drop_stream('by_kind');
DELETE FROM event_pipeline._protobuf_schema WHERE subject LIKE 'values%';
DROP SCHEMA protobuf_values CASCADE;
