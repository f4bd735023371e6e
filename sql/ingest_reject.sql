-- A bad event is rejected alone, with the reason and its bytes; its neighbours land.
SET TimeZone = 'UTC';
SELECT event_pipeline.create_stream('rj', 'json', event_time => 'ts', settings => '{"late_window": "10000 days"}');
INSERT INTO rj_raw (payload) VALUES
    (NULL), (''), ('   '), ('not json'), ('"a string"'), ('{"ts":"2024-06-01T00:00:00Z","a":"\u0000"}'),
    ('{"ts":"2024-06-01T00:00:00Z","a":"\ud800"}'), ('{"ts":"2024-06-01T00:00:00Z","a":01}'), ('{"ts":"2024-06-01T00:00:00Z"'),
    ('{"a":1}'), ('{"ts":"yesterday"}'), ('{"ts":"+292277-12-04T15:30:07Z"}'), ('{"ts":9223372036854775807}'),
    ('{"ts":"2999-01-01T00:00:00Z"}'), ('{"ts":"1960-01-01T00:00:00Z"}'), ('{"ts":"2024-06-01T00:00:00Z","a":1e999999}'),
    ('[{"ts":"2024-06-01T00:00:01Z","ok":1},{"ts":"2024-06-01T00:00:02Z","ok":2},{"ts":]'),
    (E'{"ts":"2024-06-01T00:00:03Z","ok":3}\n{"ts":\n{"ts":"2024-06-01T00:00:04Z","ok":4}'),
    (repeat('{"a":', 10000));
SELECT raw_id, seq, stage, left(path, 20) AS path, expected, found, sqlstate, message, detail, left(convert_from(payload, 'UTF8'), 40) AS payload
FROM event_pipeline.rejected WHERE stream = 'rj' ORDER BY raw_id, seq;
SELECT event_time, ok, _ep_raw_id, _ep_seq FROM rj WHERE ok IS NOT NULL ORDER BY ok;
SELECT events = typed + rejected + duplicates AS balanced, typed, rejected FROM event_pipeline.stream_stats WHERE stream = 'rj';
-- constraints that a user puts on the event table refuse single rows
ALTER TABLE rj ADD CHECK (ok < 100), ADD UNIQUE (ok, event_time);
INSERT INTO rj_raw (payload) VALUES (E'{"ts":"2024-06-01T00:00:05Z","ok":5}\n{"ts":"2024-06-01T00:00:06Z","ok":600}\n{"ts":"2024-06-01T00:00:05Z","ok":5}\n{"ts":"2024-06-01T00:00:07Z","ok":7}');
SELECT seq, stage, sqlstate, regexp_replace(message, '_p[0-9_]*[0-9]', '_p') AS message, convert_from(payload, 'UTF8') AS payload
FROM event_pipeline.rejected WHERE stream = 'rj' AND stage = 'constraint' ORDER BY seq;
SELECT ok FROM rj WHERE ok >= 5 ORDER BY ok;
-- so do triggers, which see every row
CREATE FUNCTION rj_check() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.ok = 11 THEN RAISE EXCEPTION 'eleven is too many'; END IF;
    new.ok := new.ok + 1000;
    RETURN new;
END $$;
ALTER TABLE rj DROP CONSTRAINT rj_ok_check;
CREATE TRIGGER rj_check BEFORE INSERT ON rj FOR EACH ROW EXECUTE FUNCTION rj_check();
INSERT INTO rj_raw (payload) VALUES (E'{"ts":"2024-06-01T00:00:05Z","ok":10}\n{"ts":"2024-06-01T00:00:06Z","ok":11}\n{"ts":"2024-06-01T00:00:05Z","ok":12}');
SELECT ok FROM rj WHERE ok >= 1000 ORDER BY ok;
SELECT seq, stage, sqlstate, message FROM event_pipeline.rejected WHERE stream = 'rj' AND raw_id = 21;
-- and one that leaves rows out has them rejected; what else it did stays
CREATE TABLE rj_elsewhere (ok bigint);
CREATE OR REPLACE FUNCTION rj_check() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.ok = 13 THEN INSERT INTO public.rj_elsewhere VALUES (new.ok); RETURN NULL; END IF;
    RETURN new;
END $$;
INSERT INTO rj_raw (payload) VALUES (E'{"ts":"2024-06-01T00:00:05Z","ok":13}\n{"ts":"2024-06-01T00:00:06Z","ok":14}');
SELECT ok FROM rj WHERE ok IN (13, 14);
SELECT ok FROM rj_elsewhere;
SELECT seq, stage, sqlstate, message FROM event_pipeline.rejected WHERE stream = 'rj' AND raw_id = 22;
SELECT events = typed + rejected + duplicates AS balanced, typed = (SELECT count(*) FROM rj) AS all_there FROM event_pipeline.stream_stats WHERE stream = 'rj';
SELECT event_pipeline.drop_stream('rj');
DROP TABLE rj_elsewhere;
DROP FUNCTION rj_check;
-- an event id is free again when its row was refused
SELECT event_pipeline.create_stream('ri', 'json', event_id => 'id');
INSERT INTO ri_raw (payload) VALUES ('{"id":"x","v":1}');
ALTER TABLE ri ADD CHECK (v < 10);
INSERT INTO ri_raw (payload) VALUES ('{"id":"y","v":99}');
INSERT INTO ri_raw (payload) VALUES ('{"id":"y","v":9}');
-- also for a later event of the same statement; the one after that is a duplicate
INSERT INTO ri_raw (payload) VALUES (E'{"id":"z","v":99}\n{"id":"z","v":98}\n{"id":"z","v":3}\n{"id":"z","v":4}\n{"id":"y","v":1}');
SELECT id, v FROM ri ORDER BY id;
SELECT typed, rejected, duplicates FROM event_pipeline.stream_stats WHERE stream = 'ri';
SELECT event_pipeline.drop_stream('ri');
