-- New attributes, partitions and tables inside transactions and subtransactions that go another way than straight ahead:
-- whatever is rolled back, nothing that is committed is lost and no cached state stays behind.
CREATE SCHEMA ingest_transaction;
SET search_path = ingest_transaction, event_pipeline;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET client_min_messages = warning;
-- an oracle: attributes of raw rows that are in no column and not rescued, or there with another value
CREATE FUNCTION lost(stream text) RETURNS TABLE (raw_id bigint, path text, was jsonb) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('
        SELECT r.raw_id, p.key, p.value FROM %1$s_raw r, jsonb_each(r.payload::jsonb) p
        WHERE NOT EXISTS (
            SELECT FROM %1$s _row, LATERAL (
                SELECT coalesce(c.path, k.key), k.value FROM jsonb_each(to_jsonb(_row)) k
                LEFT JOIN event_pipeline.stream_columns c ON c.target = %1$L::regclass AND c.column_name = k.key
                UNION ALL SELECT k.key, k.value -> ''v'' FROM jsonb_each(_row._ep_rescued) k) v (path, value)
            WHERE _row._ep_raw_id = r.raw_id AND v.path = p.key AND v.value = p.value)', stream);
END $$;

-- a stream that this transaction made is changed here and now, and the change goes with the savepoint
BEGIN;
SELECT create_stream('own', 'json', event_time => 't', route_by => 'r');
SAVEPOINT s;
INSERT INTO own_raw (payload) VALUES ('{"t": "2020-01-01", "a": 1}'), ('{"t": "2020-01-01", "a": 1, "r": "x"}');
ROLLBACK TO s;
INSERT INTO own_raw (payload) VALUES ('{"t": "2020-01-01", "a": "one"}');
SAVEPOINT s2;
INSERT INTO own_raw (payload) VALUES ('{"t": "2020-01-02", "a": "two", "b": 2}'), ('{"t": "2020-01-01", "a": "x", "r": "x"}');
ROLLBACK TO s2;
INSERT INTO own_raw (payload) VALUES ('{"t": "2020-01-02", "a": "three", "b": true}');
RELEASE s2;
COMMIT;
INSERT INTO own_raw (payload) VALUES ('{"t": "2020-01-03", "a": "four", "b": false}'), ('{"t": "2020-01-03", "a": "five", "r": "x"}');
SELECT t, a, b, _ep_rescued FROM own ORDER BY t;
SELECT t, a, _ep_rescued FROM own_x ORDER BY t;
SELECT path, column_type FROM stream_columns WHERE stream = 'own' AND target = 'own'::regclass ORDER BY path;
SELECT * FROM verify('own', NULL);
SELECT drop_stream('own');

-- in a block the column is made by a worker, and stays when the rows are rolled back
SELECT create_stream('ev', 'json', event_time => 't');
INSERT INTO ev_raw (payload) VALUES ('{"t": "2020-01-01", "k": 0}');
BEGIN;
SAVEPOINT s;
INSERT INTO ev_raw (payload) VALUES ('{"t": "2020-01-01", "k": 1, "a": 1}');
ROLLBACK TO s;
INSERT INTO ev_raw (payload) VALUES ('{"t": "2020-01-01", "k": 2, "a": 2, "b": 2}');
SAVEPOINT s2;
INSERT INTO ev_raw (payload) VALUES ('{"t": "2020-01-01", "k": 3, "a": 3, "b": 3}');
RELEASE s2;
INSERT INTO ev_raw (payload) VALUES ('{"t": "2020-01-01", "k": 4, "a": 4, "c": 4}');
COMMIT;
SELECT k, a, b, _ep_rescued FROM ev ORDER BY k;
SELECT * FROM lost('ev');

-- a subtransaction of a statement that is alone: made here, and gone with it
DO $$
BEGIN
    FOR n IN 5..7 LOOP
        BEGIN
            INSERT INTO ev_raw (payload) VALUES (format('{"t": "2021-01-0%s", "k": %s, "d": %s}', n, n, n));
            IF n <> 7 THEN RAISE EXCEPTION 'go back'; END IF;
        EXCEPTION WHEN raise_exception THEN NULL;
        END;
    END LOOP;
END $$;
SELECT k, d, _ep_rescued FROM ev WHERE k > 4 ORDER BY k;
INSERT INTO ev_raw (payload) VALUES ('{"t": "2021-01-05", "k": 8, "d": 8}');
SELECT k, d, _ep_rescued FROM ev WHERE k > 4 ORDER BY k;

-- the statement reads the table that would have to be changed: rescued, and no error
INSERT INTO ev_raw (payload) SELECT jsonb_build_object('t', t, 'k', 10, 'e', k) FROM ev WHERE k = 8;
WITH old AS (SELECT * FROM ev WHERE k = 8) INSERT INTO ev_raw (payload) SELECT jsonb_build_object('t', t, 'k', 11, 'e', k) FROM old;
DO $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT t FROM ev WHERE k = 8 LOOP
        INSERT INTO ev_raw (payload) VALUES (jsonb_build_object('t', r.t, 'k', 12, 'e', 12));
    END LOOP;
END $$;
BEGIN;
DECLARE c CURSOR FOR SELECT k FROM ev ORDER BY k;
FETCH 1 FROM c;
INSERT INTO ev_raw (payload) VALUES ('{"t": "2020-01-01", "k": 13, "e": 13}');
FETCH 1 FROM c;
COMMIT;
-- so does what is put off to the end of the transaction
CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER later AFTER UPDATE ON ev DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION later();
DO $$
BEGIN
    UPDATE ev SET k = k WHERE k = 8;
    INSERT INTO ev_raw (payload) VALUES ('{"t": "2020-01-01", "k": 14, "e": 14}');
END $$;
BEGIN;
UPDATE ev SET k = k WHERE k = 8;
INSERT INTO ev_raw (payload) VALUES ('{"t": "2020-01-01", "k": 15, "e": 15}');
COMMIT;
SELECT k, _ep_rescued FROM ev WHERE k > 9 ORDER BY k;
DROP TRIGGER later ON ev;
-- alone again, it becomes a column
INSERT INTO ev_raw (payload) VALUES ('{"t": "2020-01-01", "k": 16, "e": 16}');
SELECT k, e FROM ev WHERE k > 15;
-- partitions inside a transaction block, rolled back to a savepoint, and wanted again
BEGIN;
SAVEPOINT s;
INSERT INTO ev_raw (payload) VALUES ('{"t": "2022-01-01", "k": 20}');
ROLLBACK TO s;
INSERT INTO ev_raw (payload) VALUES ('{"t": "2022-01-01", "k": 21}'), ('{"t": "2022-01-02", "k": 22}');
ROLLBACK;
INSERT INTO ev_raw (payload) VALUES ('{"t": "2022-01-02", "k": 23}');
SELECT k, event_time::date FROM ev WHERE k >= 20;
SELECT * FROM lost('ev');
SELECT * FROM verify('ev', NULL);
SELECT events = typed AND rejected = 0 AS balanced FROM stream_stats WHERE stream = 'ev';
SELECT drop_stream('ev');
DROP SCHEMA ingest_transaction CASCADE;
