\echo
\echo '== 3. Protobuf: one schema for everybody, kept in the database'
\echo
\set ECHO queries
SELECT register_protobuf('events', bytes) AS version FROM files WHERE name = 'events.pb';
SELECT create_stream('device_events', 'protobuf', message_type => 'gopro.events.v1.Event', event_time => 'occurred_at',
                     event_id => 'event_id', framing => 'delimited');
INSERT INTO device_events_raw (source, payload) SELECT name, bytes FROM files WHERE name = 'events.binpb';
SELECT event_type, count(*), min(event_time), max(event_time) FROM device_events GROUP BY 1 ORDER BY 2 DESC;
SELECT events, typed, rejected, duplicates FROM stream_stats WHERE stream = 'device_events';
SELECT column_name, column_type, description FROM stream_columns WHERE stream = 'device_events' AND description IS NOT NULL ORDER BY 1 LIMIT 6;
\set ECHO none
\echo 'Some devices count nanoseconds. The column has microseconds, and the exact value is kept beside it:'
\echo
\set ECHO queries
SELECT occurred_at, _ep_rescued FROM device_events WHERE _ep_rescued IS NOT NULL ORDER BY event_time LIMIT 1;
\set ECHO none
\echo 'The next version of the schema brings exactly its new columns:'
\echo
\set ECHO queries
SELECT register_protobuf('events', bytes) AS version FROM files WHERE name = 'events_v2.pb';
INSERT INTO device_events_raw (source, payload) SELECT name, bytes FROM files WHERE name = 'v2_sample.binpb';
SELECT path, column_name, column_type FROM stream_columns WHERE stream = 'device_events' AND raw_id = 2 ORDER BY 1;
\set ECHO none
