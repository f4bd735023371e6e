-- Which raw rows a statement ingests: those it stored through the raw table, each once.
CREATE SCHEMA ingest_capture;
SET search_path = ingest_capture;
SET TimeZone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;
SELECT event_pipeline.create_stream('app', 'json', event_time => 'ts');
INSERT INTO app_raw (payload) VALUES ('{"ts": "1999-02-01T00:00:00Z", "note": "first"}');
CREATE VIEW seen AS SELECT _ep_raw_id AS raw_id, count(*), min(note) AS note FROM app GROUP BY 1 ORDER BY 1;

-- A function that inserts while the statement runs, and one whose rows are rolled back.
CREATE FUNCTION add(note text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ingest_capture.app_raw (payload) VALUES (format('{"ts": "1999-02-01T00:00:00Z", "note": "%s"}', note));
    RETURN format('{"ts": "1999-02-01T00:00:00Z", "note": "around %s"}', note);
END
$$;
CREATE FUNCTION add_in_vain(note text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        PERFORM ingest_capture.add(note);
        RAISE EXCEPTION 'no';
    EXCEPTION WHEN raise_exception THEN
        RETURN format('{"ts": "1999-02-01T00:00:00Z", "note": "in spite of %s"}', note);
    END;
END
$$;
INSERT INTO app_raw (payload) SELECT add(n) FROM unnest('{a,b}'::text[]) n;
INSERT INTO app_raw (payload) SELECT add_in_vain(n) FROM unnest('{c,d}'::text[]) n;
WITH more AS (INSERT INTO app_raw (payload) VALUES ('{"ts": "1999-02-01T00:00:00Z", "note": "from the CTE"}') RETURNING raw_id)
INSERT INTO app_raw (payload) SELECT '{"ts": "1999-02-01T00:00:00Z", "note": "beside the CTE"}' FROM more;
TABLE seen;

-- A statement that was rolled back leaves nothing to the next one.
BEGIN;
SAVEPOINT s;
INSERT INTO app_raw (payload) VALUES ('{"ts": "1999-02-01T00:00:00Z", "note": "rolled back"}');
INSERT INTO app_raw (payload) SELECT add(n) || (1 / (n <> 'y')::int)::text FROM unnest('{x,y}'::text[]) n;
ROLLBACK TO s;
INSERT INTO app_raw (payload) VALUES ('{"ts": "1999-02-01T00:00:00Z", "note": "after the rollback"}');
COMMIT;
SELECT note FROM seen WHERE note IN ('rolled back', 'around x', 'x', 'after the rollback');

-- Rows in several partitions, one of them with its columns in another order.
CREATE TABLE odd (payload text, gone int, received_at timestamptz NOT NULL, source text, raw_id bigint NOT NULL);
ALTER TABLE odd DROP COLUMN gone;
ALTER TABLE app_raw ATTACH PARTITION odd FOR VALUES FROM ('2001-01-01') TO ('2001-02-01');
INSERT INTO app_raw (received_at, payload)
SELECT CASE i % 3 WHEN 0 THEN '2001-01-02' WHEN 1 THEN '1999-01-01' ELSE now() END,
       format('{"ts": "1999-02-02T00:00:00Z", "note": "in turn", "i": %s}', i) FROM generate_series(1, 30) i;
SELECT count(*), count(DISTINCT _ep_raw_id), sum(i) FROM app WHERE note = 'in turn';
SELECT count(*) FROM odd;

-- A row that is moved to another partition was ingested when it came.
UPDATE app_raw SET received_at = '2001-01-03' WHERE raw_id = (SELECT min(_ep_raw_id) FROM app WHERE note = 'first');
SELECT count(*) FROM app WHERE note = 'first';

-- Nor is it new when a statement that inserts moves it: by the way, in a function, or by deleting and inserting it.
WITH moved AS (UPDATE app_raw SET received_at = '2001-01-04' WHERE received_at = '1999-01-01' AND raw_id % 2 = 0 RETURNING raw_id)
INSERT INTO app_raw (payload) SELECT '{"ts": "1999-02-02T12:00:00Z", "note": "beside a move"}' FROM moved;
CREATE FUNCTION move(to_time timestamptz) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    UPDATE ingest_capture.app_raw SET received_at = to_time WHERE received_at IN ('2001-01-04', '1999-01-01');
    RETURN '{"ts": "1999-02-02T12:00:00Z", "note": "around a move"}';
END
$$;
INSERT INTO app_raw (payload) SELECT move('2001-01-05');
WITH gone AS (DELETE FROM app_raw WHERE received_at = '2001-01-05' RETURNING *)
INSERT INTO app_raw OVERRIDING SYSTEM VALUE SELECT raw_id, '1999-01-01', source, payload FROM gone;
SELECT count(*), count(DISTINCT (_ep_raw_id, _ep_seq)), count(*) FILTER (WHERE note = 'in turn') AS in_turn,
       count(*) FILTER (WHERE note = 'beside a move') AS beside, count(*) FILTER (WHERE note = 'around a move') AS around
FROM app;

-- What a trigger writes into a row that was just stored, or where it moves it, keeps nobody from ingesting it.
CREATE FUNCTION sign() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE ingest_capture.app_raw SET source = 'signed' WHERE raw_id = NEW.raw_id;
    UPDATE ingest_capture.app_raw SET source = 'signed twice', received_at = CASE NEW.source WHEN 'move' THEN '2001-01-06' ELSE received_at END
    WHERE raw_id = NEW.raw_id;
    RETURN NULL;
END
$$;
-- A move that was rolled back is none.
CREATE FUNCTION move_in_vain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE ingest_capture.app_raw SET received_at = '2001-01-07' WHERE raw_id = NEW.raw_id;
    RAISE EXCEPTION 'no';
EXCEPTION WHEN raise_exception THEN
    RETURN NULL;
END
$$;
CREATE TRIGGER b_move_in_vain AFTER INSERT ON app_raw FOR EACH ROW WHEN (NEW.source = 'stay') EXECUTE FUNCTION move_in_vain();
CREATE TRIGGER a_sign AFTER INSERT ON app_raw FOR EACH ROW WHEN (NEW.source IN ('sign', 'move')) EXECUTE FUNCTION sign();
INSERT INTO app_raw (source, payload) SELECT s, format('{"ts": "1999-02-02T13:00:00Z", "note": "%s", "i": %s}', s, i)
FROM unnest('{sign,move,stay}'::text[]) s, generate_series(1, 3) i;
SELECT note, i, source, r.received_at = '2001-01-06' AS is_moved FROM app JOIN app_raw r ON raw_id = _ep_raw_id
WHERE event_time = '1999-02-02T13:00:00Z' ORDER BY 1, 2;
DROP TRIGGER a_sign ON app_raw;
DROP TRIGGER b_move_in_vain ON app_raw;

-- A load whose old row is moved after many were taken, and again.
CREATE FUNCTION move_old(i int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF i IN (5, 15000, 25000) THEN
        UPDATE ingest_capture.app_raw SET received_at = CASE WHEN received_at < '2001-01-01' THEN timestamptz '2001-01-08' ELSE '1999-01-08' END
        WHERE raw_id IN (SELECT min(raw_id) FROM ingest_capture.app_raw)
           OR raw_id IN (SELECT raw_id FROM ingest_capture.app_raw WHERE source = 'old' AND i > 5);
    END IF;
    RETURN format('{"ts": "1999-02-02T14:00:00Z", "i": %s}', i);
END
$$;
INSERT INTO app_raw (source, payload) VALUES ('old', '{"ts": "1999-02-02T14:00:00Z", "i": 0}');
INSERT INTO app_raw (payload) SELECT move_old(i) FROM generate_series(1, 30000) i;
SELECT count(*), count(DISTINCT i), (SELECT count(*) FROM event_pipeline.verify('app', NULL)) AS faults FROM app WHERE event_time = '1999-02-02T14:00:00Z';
DELETE FROM app_raw WHERE raw_id IN (SELECT _ep_raw_id FROM app WHERE event_time = '1999-02-02T14:00:00Z');
DELETE FROM app WHERE event_time = '1999-02-02T14:00:00Z';

-- A large payload lies in TOAST, a compressed one in its row.
INSERT INTO app_raw (payload) SELECT format('{"ts": "1999-02-03T00:00:00Z", "note": "large", "text": "%s"}',
    (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 3000) i))
UNION ALL SELECT format('{"ts": "1999-02-03T00:00:00Z", "note": "large", "text": "%s"}', repeat('x', 50000));
SELECT length(text), md5(text) FROM app WHERE note = 'large' ORDER BY 1;

-- A row that its own statement deletes again is not in the raw table, and gives no event.
CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM ingest_capture.app_raw WHERE raw_id = NEW.raw_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER a_forget AFTER INSERT ON app_raw FOR EACH ROW WHEN (NEW.source = 'nobody') EXECUTE FUNCTION forget();
INSERT INTO app_raw (source, payload) VALUES ('nobody', '{"ts": "1999-02-04T00:00:00Z", "note": "forgotten"}'),
                                             ('somebody', '{"ts": "1999-02-04T00:00:00Z", "note": "kept"}');
SELECT note FROM app WHERE event_time >= '1999-02-04';

-- A new raw_id makes a row no new one, be it in its place or further on, of an old row or of one that was just stored.
CREATE FUNCTION renumber() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE ingest_capture.app_raw SET raw_id = DEFAULT WHERE raw_id = NEW.raw_id OR source = 'somebody';
    UPDATE ingest_capture.app_raw SET raw_id = DEFAULT, payload = payload || ' ' WHERE source IN ('renumbered', 'somebody');
    RETURN NULL;
END
$$;
CREATE TRIGGER a_renumber AFTER INSERT ON app_raw FOR EACH ROW WHEN (NEW.source = 'renumbered') EXECUTE FUNCTION renumber();
INSERT INTO app_raw (source, payload) VALUES ('renumbered', '{"ts": "1999-02-05T00:00:00Z", "note": "renumbered"}');
DROP TRIGGER a_renumber ON app_raw;
SELECT note, source FROM app LEFT JOIN app_raw ON raw_id = _ep_raw_id WHERE event_time >= '1999-02-04' ORDER BY 1;
UPDATE app SET _ep_raw_id = raw_id FROM app_raw WHERE note = 'kept' AND source = 'somebody';

-- The rows of other tables are no raw rows, and a second index of that kind does not make them two.
CREATE TABLE other (id bigint);
CREATE INDEX ON other USING event_pipeline_rows (id);
CREATE FUNCTION insert_beside() RETURNS text LANGUAGE sql AS $$ INSERT INTO ingest_capture.other VALUES (2); SELECT '{"ts": "1999-02-06T00:00:00Z", "note": "one"}' $$;
CREATE INDEX second ON app_raw USING event_pipeline_rows (raw_id);
INSERT INTO app_raw (payload) SELECT insert_beside();
SELECT count(*) FROM app WHERE note = 'one';
-- Nor many in a load: REINDEX CONCURRENTLY makes a second one for a while.
INSERT INTO app_raw (payload) SELECT '{"ts": "1999-02-06T00:00:00Z", "note": "indexed twice"}' FROM generate_series(1, 25000);
SELECT count(*), count(DISTINCT _ep_raw_id) FROM app WHERE note = 'indexed twice';
DELETE FROM app_raw WHERE raw_id IN (SELECT _ep_raw_id FROM app WHERE note = 'indexed twice');
DELETE FROM app WHERE note = 'indexed twice';
DROP INDEX second;

-- A load is not taken where a part of it is rolled back alone.
BEGIN;
SELECT event_pipeline.create_stream('load', 'json', event_time => 'ts');
INSERT INTO load_raw (payload) VALUES ('{"ts": "1999-02-06T00:00:00Z", "i": 0}');
CREATE FUNCTION part_in_vain(i int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF i = 15000 THEN
        BEGIN
            INSERT INTO ingest_capture.load_raw_default (raw_id, received_at, payload) OVERRIDING SYSTEM VALUE
            SELECT -k, '1999-01-01', '{"ts": "1999-02-06T00:00:00Z", "i": -1}' FROM generate_series(1, 10000) k;
            RAISE EXCEPTION 'no';
        EXCEPTION WHEN raise_exception THEN
            NULL;
        END;
    END IF;
    RETURN format('{"ts": "1999-02-06T00:00:00Z", "i": %s}', i);
END
$$;
INSERT INTO load_raw (payload) SELECT part_in_vain(i) FROM generate_series(1, 28000) i;
COMMIT;
SELECT count(*), count(DISTINCT i), min(i), max(i), (SELECT count(*) FROM event_pipeline.verify('load')) AS faults FROM load;
SELECT event_pipeline.drop_stream('load');

-- The index answers nothing, and is as good after it was made again.
SET enable_seqscan = off;
SELECT count(*) FROM other WHERE id = 2;
RESET enable_seqscan;
VACUUM other;
REINDEX TABLE app_raw;
-- The planner goes on knowing how many rows there are.
CREATE TABLE many AS SELECT id::bigint FROM generate_series(1, 1000) id;
CREATE INDEX ON many USING event_pipeline_rows (id);
SELECT reltuples FROM pg_class WHERE oid = 'many'::regclass;
ANALYZE many;
VACUUM FULL many;
REINDEX TABLE many;
SELECT reltuples FROM pg_class WHERE oid = 'many'::regclass;
DROP TABLE many;
INSERT INTO app_raw (payload) VALUES ('{"ts": "1999-02-07T00:00:00Z", "note": "after REINDEX"}');
SELECT count(*) FROM app WHERE note = 'after REINDEX';
CREATE TRIGGER wrong AFTER INSERT ON other FOR EACH ROW EXECUTE FUNCTION event_pipeline._ingest();
INSERT INTO other VALUES (3);

SELECT * FROM event_pipeline.verify('app');
DROP TABLE other;
SELECT event_pipeline.drop_stream('app', keep_tables => true);
INSERT INTO app_raw (payload) VALUES ('{"note": "cut off"}');
SELECT tgname FROM pg_trigger WHERE tgrelid = 'app_raw'::regclass ORDER BY 1;
SELECT indexdef FROM pg_indexes WHERE tablename = 'app_raw' ORDER BY 1;

-- Long names that begin alike, also in letters of several bytes: their default partitions are told apart.
SELECT event_pipeline.create_stream(s, 'json') FROM unnest(ARRAY[repeat('long', 12) || 'one', repeat('long', 12) || 'two', repeat('я', 28) || '1', repeat('я', 28) || '2']) s;
SELECT count(*) FROM pg_class WHERE relnamespace = 'ingest_capture'::regnamespace AND relname ~ '_raw_default$';
SELECT event_pipeline.drop_stream(s) FROM unnest(ARRAY[repeat('long', 12) || 'one', repeat('long', 12) || 'two', repeat('я', 28) || '1', repeat('я', 28) || '2']) s;
DROP SCHEMA ingest_capture CASCADE;
