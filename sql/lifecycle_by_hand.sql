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
CREATE FUNCTION owner_fills() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.filled_by := current_user = 'lifecycle_by_hand_new'; RETURN new; END $$;
ALTER TABLE ev_k ADD COLUMN filled_by boolean;
CREATE TRIGGER owner_fills BEFORE INSERT ON ev_k FOR EACH ROW EXECUTE FUNCTION owner_fills();
ALTER TABLE ev OWNER TO lifecycle_by_hand_new;
-- at once: events go on, also into tables and partitions that are still the old owner's, with ids, triggers and new attributes
SET ROLE lifecycle_by_hand_sender;
INSERT INTO ev_raw (payload) VALUES ('{"t":"2026-01-01T00:00:00Z","id":3,"a":1}'), ('{"t":"2026-01-01T00:00:00Z","id":3,"a":1}'),
    ('{"t":"2026-01-05T00:00:00Z","id":31,"a":1,"kind":"k"}'), ('{"t":"2026-01-05T00:00:00Z","id":32,"early":1,"kind":"k"}'), ('{"t":"2026-01-05T00:00:00Z","id":33,"a":1}');
RESET ROLE;
SELECT events, typed, rejected, duplicates FROM stream_stats WHERE stream = 'ev';
SELECT id, early, filled_by FROM ev_k WHERE id > 30 ORDER BY id;
DROP TRIGGER owner_fills ON ev_k;
-- and the new owner's are the books, though most tables are still the old one's
INSERT INTO ev_raw (payload) VALUES ('{"t":"2026-01-01T00:00:00Z","id":34'), ('{"t":"2026-01-01T00:00:00Z","id":35,"kind":"k","a":"text"}');
SET ROLE lifecycle_by_hand_new;
SELECT events, typed, rejected, duplicates, missing FROM reconcile('ev', width => '36500 days');
SELECT * FROM verify('ev', NULL);
SELECT raw_rows, events, typed, rejected FROM replay('ev');
RESET ROLE;
SET ROLE lifecycle_by_hand_sender;
SELECT reconcile('ev');
SELECT _owners_follow('ev');
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
-- who changes all tables of a stream as its new owner has them follow at once
CREATE ROLE lifecycle_by_hand_third;
GRANT USAGE, CREATE ON SCHEMA lifecycle_by_hand TO lifecycle_by_hand_third;
GRANT SELECT, INSERT, UPDATE, DELETE ON part_config TO lifecycle_by_hand_third;
SELECT create_stream('given', 'json', event_id => 'id', route_by => 'kind'), create_stream('dropped', 'json', route_by => 'kind');
INSERT INTO given_raw (payload) VALUES ('{"id":1,"a":1}'), ('{"id":2,"a":1,"kind":"k"}');
INSERT INTO dropped_raw (payload) VALUES ('{"a":1}'), ('{"a":1,"kind":"k"}');
ALTER TABLE given OWNER TO lifecycle_by_hand_third;
ALTER TABLE dropped OWNER TO lifecycle_by_hand_third;
SET ROLE lifecycle_by_hand_third;
SELECT rename_column('given', 'a', 'first');
SELECT first FROM given_bi UNION ALL SELECT first FROM given_k_bi;
SELECT drop_stream('dropped'), drop_stream('given');
RESET ROLE;
SELECT relname FROM pg_class WHERE relnamespace = 'lifecycle_by_hand'::regnamespace AND relname ~ 'given|dropped';

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

-- Other names for columns: each is known by its number, so its attribute goes on filling it, in two that changed names, too.
SELECT create_stream('rn', 'json');
INSERT INTO rn_raw (payload) VALUES ('{"a":1,"b":2,"c":3}'), ('{"a":"one"}');
ALTER TABLE rn RENAME COLUMN a TO z;
ALTER TABLE rn RENAME COLUMN b TO a;
ALTER TABLE rn RENAME COLUMN z TO b;
ALTER TABLE rn RENAME COLUMN c TO cc;
ALTER TABLE rn ADD COLUMN c text;
INSERT INTO rn_raw (payload) VALUES ('{"a":11,"b":12,"c":13,"C":14}'), ('{"a":"eleven"}');
SELECT _ep_raw_id AS id, a, b, cc, c, a__text, _ep_rescued FROM rn ORDER BY 1;
SELECT path, column_name, column_type FROM stream_columns WHERE stream = 'rn' ORDER BY path COLLATE "C", column_name;
SELECT * FROM verify('rn', NULL);
-- the view and what is written down follow with the next new column, or the maintenance
INSERT INTO rn_raw (payload) VALUES ('{"a":21,"b":22,"c":23,"d":24}');
SELECT a, b, cc, a__text, d FROM rn_bi ORDER BY a;
SELECT path, column_name FROM _attribute JOIN _target USING (target_id) WHERE relation = 'rn'::regclass ORDER BY path COLLATE "C", column_name;
ALTER TABLE rn RENAME COLUMN d TO delta;
CALL run_maintenance();
SELECT attname FROM pg_attribute WHERE attrelid = 'rn_bi'::regclass AND attnum > 2 ORDER BY attnum;
ALTER TABLE rn RENAME COLUMN delta TO d2;
SELECT rename_column('rn', 'd', 'd3');
INSERT INTO rn_raw (payload) VALUES ('{"d":34}');
SELECT d3 FROM rn_bi WHERE d3 IS NOT NULL ORDER BY 1;
SELECT operation, path, column_name, mode FROM schema_log WHERE stream = 'rn' AND mode = 'manual' ORDER BY at;
-- dropped: kept out of others' columns, also of one that has its name now
ALTER TABLE rn DROP COLUMN cc CASCADE;
ALTER TABLE rn RENAME COLUMN d3 TO cc;
INSERT INTO rn_raw (payload) VALUES ('{"c":43,"d":44}');
SELECT cc, c, _ep_rescued FROM rn WHERE cc = 44;
CALL run_maintenance();
-- a restored table has other numbers: by name, until the maintenance has written them down
UPDATE _target SET numbered = 1 WHERE relation = 'rn'::regclass;
UPDATE _attribute SET attnum = attnum + 1 FROM _target t WHERE t.target_id = _attribute.target_id AND relation = 'rn'::regclass;
INSERT INTO rn_raw (payload) VALUES ('{"a":51,"b":52,"d":54}');
SELECT a, b, cc FROM rn WHERE cc = 54;
CALL run_maintenance();
ALTER TABLE rn RENAME COLUMN cc TO dd;
ALTER TABLE rn RENAME COLUMN c TO d;
INSERT INTO rn_raw (payload) VALUES ('{"a":61,"b":62,"d":64}');
SELECT a, b, dd, d, _ep_rescued FROM rn WHERE dd = 64;
SELECT drop_stream('rn');

-- Columns dropped: what was in them was wanted gone, what comes later is kept. Another type: from then on values go where they are held.
SELECT create_stream('dr', 'json');
INSERT INTO dr_raw (payload) VALUES ('{"a":1,"b":1,"c":1,"d":0.1}'), ('{"a":"one","b":"two"}');
ALTER TABLE dr DROP COLUMN a CASCADE, DROP COLUMN b__text CASCADE;
ALTER TABLE dr ALTER b TYPE integer, ALTER c TYPE numeric, ALTER d TYPE numeric USING d::text::numeric;
INSERT INTO dr_raw (payload) VALUES ('{"a":2,"b":2,"c":1.5,"d":0.2}'), ('{"a":"three","b":"three","c":12345678901234567890,"d":1}'), ('{"b":3000000000}');
CALL run_maintenance();
SELECT b, b__bigint, c, d, a__text, _ep_rescued FROM dr ORDER BY _ep_raw_id;
SELECT * FROM verify('dr', NULL);
SELECT sum(missing) FROM reconcile('dr');
SELECT path, column_name, column_type FROM stream_columns WHERE stream = 'dr' ORDER BY column_name COLLATE "C";
-- A view that somebody made into his own cannot be brought up to date; once it can, or has been, nothing fails any more.
CREATE OR REPLACE VIEW dr_bi AS SELECT event_time, received_at, b, c, d, a__text, b__bigint, 1 AS mine FROM dr;
INSERT INTO dr_raw (payload) VALUES ('{"e":1}');
CALL run_maintenance();
SELECT step, failures, last_error FROM maintenance_log WHERE object = 'lifecycle_by_hand.dr' AND failures > 0;
DROP VIEW dr_bi;
INSERT INTO dr_raw (payload) VALUES ('{"f":1}');
SELECT e, f FROM dr_bi WHERE coalesce(e, f) IS NOT NULL;
CALL run_maintenance();
SELECT step, failures, last_error FROM maintenance_log WHERE object = 'lifecycle_by_hand.dr' AND failures > 0;
SELECT drop_stream('dr');

-- What the pipeline itself needs, by its name: said at once.
SELECT create_stream('fx', 'json');
ALTER TABLE fx_raw RENAME COLUMN payload TO body;
INSERT INTO fx_raw (body) VALUES ('{"a":1}');
ALTER TABLE fx_raw RENAME COLUMN body TO payload;
ALTER TABLE fx RENAME COLUMN event_time TO at;
INSERT INTO fx_raw (payload) VALUES ('{"a":1}');
SELECT stage, message, expected FROM rejected WHERE stream = 'fx';
ALTER TABLE fx RENAME COLUMN at TO event_time;
SELECT typed FROM replay('fx');
-- of another type than ours it is not read as ours
INSERT INTO fx_raw (payload) VALUES ('{"a":3,"A":4}');
ALTER TABLE fx ALTER _ep_rescued TYPE text;
SELECT raw_id, path, problem FROM verify('fx', NULL);
INSERT INTO fx_raw (payload) VALUES ('{"a":5}'), ('{"a":6,"A":7}');
SELECT message, expected FROM rejected WHERE stream = 'fx';
ALTER TABLE fx ALTER _ep_rescued TYPE jsonb USING _ep_rescued::jsonb;
SELECT typed FROM replay('fx');
SELECT * FROM verify('fx', NULL);
-- An event table that somebody dropped: said at once, listed, and drop_stream copes.
DROP TABLE fx CASCADE;
INSERT INTO fx_raw (payload) VALUES ('{"a":1}');
SELECT stream, raw_table FROM streams WHERE raw_table = 'fx_raw'::regclass;
CALL run_maintenance();
SELECT drop_stream('fx');
SET client_min_messages = warning;
DROP SCHEMA lifecycle_by_hand CASCADE;
DROP SCHEMA lifecycle_by_hand_2 CASCADE;
DROP OWNED BY lifecycle_by_hand_new, lifecycle_by_hand_sender, lifecycle_by_hand_third;
DROP ROLE lifecycle_by_hand_new, lifecycle_by_hand_sender, lifecycle_by_hand_third;
