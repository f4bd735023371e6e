-- What people do to the tables of a stream with ALTER TABLE: the stream follows.
CREATE SCHEMA lifecycle_by_hand;
SET search_path = lifecycle_by_hand, event_pipeline, public;
SET TimeZone = 'UTC';
SET datestyle = 'ISO';
\set VERBOSITY terse
CREATE ROLE lifecycle_by_hand_new;
GRANT USAGE, CREATE ON SCHEMA lifecycle_by_hand TO lifecycle_by_hand_new;
GRANT SELECT, INSERT, UPDATE, DELETE ON part_config TO lifecycle_by_hand_new;
GRANT SELECT ON part_config_sub TO lifecycle_by_hand_new;
CREATE ROLE lifecycle_by_hand_sender;
GRANT USAGE ON SCHEMA lifecycle_by_hand TO lifecycle_by_hand_sender;

-- Another owner of the event table: all else follows, and columns, tables and partitions can be made again.
SELECT create_stream('ev', 'json', event_time => 't', event_id => 'id', route_by => 'kind');
GRANT INSERT ON ev_raw TO lifecycle_by_hand_sender;
INSERT INTO ev_raw (payload) VALUES ('{"t":"2026-01-01T00:00:00Z","id":1,"a":1}'), ('{"t":"2026-01-01T00:00:00Z","id":2,"a":1,"kind":"k"}');
ALTER TABLE ev OWNER TO lifecycle_by_hand_new;
SET ROLE lifecycle_by_hand_sender;
INSERT INTO ev_raw (payload) VALUES ('{"t":"2026-01-01T00:00:00Z","id":3,"a":1}');
RESET ROLE;
CALL run_maintenance();
SELECT count(*) > 15 AS many, count(*) FILTER (WHERE relowner <> 'lifecycle_by_hand_new'::regrole) AS of_others
FROM pg_class WHERE relnamespace = 'lifecycle_by_hand'::regnamespace AND relkind IN ('r', 'p', 'v');
SET ROLE lifecycle_by_hand_sender;
INSERT INTO ev_raw (payload) VALUES ('{"t":"2026-01-02T00:00:00Z","id":4,"a":4,"b":1}'), ('{"t":"2026-01-01T00:00:00Z","id":5,"b":5,"kind":"k"}'),
    ('{"t":"2026-01-01T00:00:00Z","id":6,"b":6,"kind":"new"}');
RESET ROLE;
SELECT id, a, b, _ep_rescued FROM ev UNION ALL SELECT id, a, b, _ep_rescued FROM ev_k UNION ALL SELECT id, NULL, b, _ep_rescued FROM ev_new ORDER BY id;
SELECT id, a, b FROM ev_bi ORDER BY id;

-- Other names and schemas: pg_partman is told, views keep their names.
CREATE SCHEMA lifecycle_by_hand_2;
GRANT USAGE, CREATE ON SCHEMA lifecycle_by_hand_2 TO lifecycle_by_hand_new;
ALTER TABLE ev RENAME TO events;
ALTER TABLE ev_raw SET SCHEMA lifecycle_by_hand_2;
INSERT INTO lifecycle_by_hand_2.ev_raw (payload) VALUES ('{"t":"2026-01-07T00:00:00Z","id":7,"c":7}'), ('{"t":"2026-01-07T00:00:00Z","id":8,"c":8,"kind":"newer"}');
CALL run_maintenance();
SELECT parent_table, retention FROM part_config WHERE parent_table ~ 'lifecycle_by_hand' ORDER BY parent_table COLLATE "C";
SELECT stream, raw_rows, events, typed, rejected FROM stream_stats WHERE stream ~ 'events';
SELECT id, c FROM ev_bi WHERE c IS NOT NULL;
SELECT id, c FROM events_newer_bi;
SELECT * FROM verify('events', NULL);
SELECT step, object, last_error FROM maintenance_log WHERE failures > 0 AND object ~ 'lifecycle_by_hand';
SELECT drop_stream('events');
SET client_min_messages = warning;
DROP SCHEMA lifecycle_by_hand CASCADE;
DROP SCHEMA lifecycle_by_hand_2 CASCADE;
DROP OWNED BY lifecycle_by_hand_new, lifecycle_by_hand_sender;
DROP ROLE lifecycle_by_hand_new, lifecycle_by_hand_sender;
