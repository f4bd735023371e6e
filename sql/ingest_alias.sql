-- alias(): one attribute taken as another, one value stored as another.
SET TimeZone = 'UTC';
SET datestyle = 'ISO';
CREATE SCHEMA aliases;
SET search_path = aliases, event_pipeline;
SELECT create_stream('al', 'json', event_time => 'ts', event_id => 'id', route_by => 'event_type');
-- before there is any alias
INSERT INTO al_raw (payload) VALUES
    ('{"id":1,"ts":"2024-06-01T00:00:01Z","event_type":"click","button":"ok"}'),
    ('{"id":2,"ts":"2024-06-01T00:00:02Z","event_type":"click","eventType2":"x","btn":"ja"}');
SELECT alias('al', 'eventType2', 'event_type');
SELECT alias('al', 'btn', 'button');
SELECT alias('al', 'event_type', 'klick', 'click');
SELECT alias('al', 'button', 'ja', 'yes');
SELECT alias('al', 'button', 'nein', 'no');
SELECT alias('al', 'uuid', 'id');
SELECT alias('al', 'when', 'ts');
SELECT alias('al', 'dev', 'device');
SELECT path, value, to_path, to_value FROM stream_aliases WHERE stream = 'al' ORDER BY path, value;
INSERT INTO al_raw (payload) VALUES
    ('{"id":3,"ts":"2024-06-01T00:00:03Z","event_type2":"klick","BTN":"ja","dev":{"os":{"name":"x"},"id":7}}'),
    ('{"uuid":4,"when":"2024-06-01T00:00:04Z","eventType2":"Klick","button":"nein","device":{"id":8}}'),
    ('{"uuid":3,"when":"2024-06-01T00:00:05Z","event_type":"click"}'),
    ('{"id":6,"ts":"2024-06-01T00:00:06Z","event_type":"click","button":"first","btn":"second","eventType2":"third"}');
SELECT id, event_time, event_type, event_type2, button, btn, device_id, device_os_name, _ep_rescued FROM al_click ORDER BY id;
SELECT relation::text FROM _target JOIN _stream USING (stream_id) WHERE event_table = 'al'::regclass ORDER BY 1;
SELECT events, typed, rejected, duplicates FROM stream_stats WHERE stream = 'al';
-- rows from before the aliases are explained without them, those from after with them
SELECT * FROM verify('al', NULL);
SELECT sum(missing) AS missing, sum(duplicates) AS duplicates FROM reconcile('al');

-- another target, and none: what came under the old ones is still explained
SELECT alias('al', 'button', 'ja', 'oui');
SELECT alias('al', 'btn', NULL);
SELECT alias('al', 'when', NULL);
SELECT alias('al', 'event_type', 'klick', NULL);
INSERT INTO al_raw (payload) VALUES ('{"id":7,"ts":"2024-06-01T00:00:07Z","event_type":"click","button":"ja","btn":"ja"}'),
    ('{"id":8,"when":"2024-06-01T00:00:08Z","event_type":"click"}');
SELECT id, button, btn FROM al_click WHERE id >= 7 ORDER BY id;
SELECT stage, path FROM rejected WHERE stream = 'al';
SELECT * FROM verify('al', NULL);
-- a row that no alias explains is found
UPDATE al_click SET button = 'changed' WHERE id = 3;
SELECT seq, path, problem FROM verify('al', NULL);
UPDATE al_click SET button = 'yes' WHERE id = 3;
-- replay reads with the aliases of now
SELECT alias('al', 'when', 'ts');
SELECT * FROM replay('al');
SELECT id, event_time FROM al_click WHERE id = 8;
SELECT count(*) FROM verify('al', NULL);

-- what cannot be
SELECT alias('al', 'eventTYPE', 'event_type');
SELECT alias('al', 'device', 'device.os');
SELECT alias('al', 'x', 'eventType2');
SELECT alias('al', 'event_type', 'y');
SELECT alias('al', 'a..b', 'c');
SELECT alias('al', 'never', NULL);
SELECT alias('al', 'button', 'never', NULL);
SELECT alias('al', 'button', NULL, 'x');
SELECT alias('no_such_stream', 'a', 'b');
CREATE ROLE ep_alias_other;
GRANT USAGE ON SCHEMA aliases TO ep_alias_other;
SET ROLE ep_alias_other;
SELECT alias('al', 'a', 'b');
SELECT count(*) FROM stream_aliases WHERE stream LIKE '%al';
RESET ROLE;
REVOKE USAGE ON SCHEMA aliases FROM ep_alias_other;
DROP ROLE ep_alias_other;
SELECT drop_stream('al');
SELECT count(*) FROM _alias;

-- an attribute without a column was an alias for a while: its values are where the alias led
SELECT create_stream('ad', 'json');
INSERT INTO ad_raw (payload) VALUES ('{"k":1,"old":1,"new":1}');
SELECT drop_column('ad', 'old');
SELECT alias('ad', 'old', 'new');
INSERT INTO ad_raw (payload) VALUES ('{"k":2,"old":2}'), ('{"k":3,"old":"misfit"}');
SELECT alias('ad', 'old', NULL);
INSERT INTO ad_raw (payload) VALUES ('{"k":4,"old":4}');
SELECT k, new, new__text, _ep_rescued FROM ad ORDER BY k;
SELECT * FROM verify('ad');
SELECT drop_stream('ad');

-- CSV and protobuf-like types: an alias of a typed path keeps its type
SELECT create_stream('ac', 'csv');
SELECT alias('ac', 'naam', 'name');
SELECT alias('ac', 'name', 'Jan', 'John');
INSERT INTO ac_raw (payload) VALUES (E'naam,n\nJan,1\nPiet,2\n'), (E'name,n\nJan,3\n');
SELECT name, n FROM ac ORDER BY n;
SELECT * FROM verify('ac');
SELECT drop_stream('ac');
DROP SCHEMA aliases;
