\echo
\echo '== 1. JSON: three teams, three spellings, one table'
\echo
\set ECHO queries
SELECT create_stream('app_events', 'json', event_time => 'occurred_at');
INSERT INTO app_events_raw (source, payload) VALUES
    ('ios',     '{"event_type": "click", "user_id": 17, "occurred_at": "2026-03-01T08:00:00Z"}'),
    ('android', '{"eventType": "klick", "userId": 18, "occurred_at": "2026-03-01T08:00:01Z", "battery": 81}'),
    ('web',     '{"event_type": "click", "record": {"userId": 19, "tags": ["a", "b"]}, "occurred_at": "2026-03-01T08:00:02Z"}
{"event_type": "scroll", "record": {"userId": 19, "depth": 0.75}, "occurred_at": "2019-12-31T23:59:59Z"}');
SELECT event_time, event_type, user_id, battery, record_user_id, record_tags, record_depth FROM app_events ORDER BY event_time;
\set ECHO none
\echo 'Columns came with the events; event_type and eventType are one attribute; the old event has its own partition:'
\echo
\set ECHO queries
SELECT path, column_name, column_type FROM stream_columns WHERE stream = 'app_events' ORDER BY column_name, path;
\set ECHO none
\echo 'Bad events do not stop good ones, and nothing is cut to fit:'
\echo
\set ECHO queries
INSERT INTO app_events_raw (payload) VALUES ('{"event_type": "click", "user_id": "seventeen", "occurred_at": "2026-03-01T09:00:00Z"}'), ('{"event_type": ');
SELECT event_time, event_type, user_id, user_id__text FROM app_events WHERE event_time >= '2026-03-01 09:00';
SELECT raw_id, stage, sqlstate, message, detail FROM rejected WHERE stream = 'app_events';
\set ECHO none
