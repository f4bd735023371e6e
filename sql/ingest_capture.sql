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

-- Nobody can pretend that there was a row.
SELECT event_pipeline._capture('app_raw', tableoid, ctid) FROM app_raw;
SELECT event_pipeline._capture('app_raw', 'odd'::regclass, '(0,1)');
CREATE TABLE other (payload int);
CREATE TRIGGER pretend AFTER INSERT ON other FOR EACH ROW
    WHEN (event_pipeline._capture('ingest_capture.app_raw', NEW.tableoid, NEW.ctid)) EXECUTE FUNCTION event_pipeline._ingest();
INSERT INTO other VALUES (1);
CREATE FUNCTION pretend() RETURNS text LANGUAGE sql AS $$ INSERT INTO ingest_capture.other VALUES (2); SELECT '{"note": "pretended"}' $$;
INSERT INTO app_raw (payload) SELECT pretend();
SELECT count(*) FROM app WHERE note = 'pretended';
CREATE TRIGGER wrong AFTER INSERT ON other FOR EACH ROW EXECUTE FUNCTION event_pipeline._ingest();
INSERT INTO other VALUES (3);

SELECT * FROM event_pipeline.verify('app');
DROP TABLE other;
SELECT event_pipeline.drop_stream('app', keep_tables => true);
INSERT INTO app_raw (payload) VALUES ('{"note": "cut off"}');
SELECT tgname FROM pg_trigger WHERE tgrelid = 'app_raw'::regclass ORDER BY 1;
DROP SCHEMA ingest_capture CASCADE;
