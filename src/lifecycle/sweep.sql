-- lifecycle/sweep.sql: raw rows that came in without being ingested.
--
-- Triggers do not fire for logical replication and session_replication_role = replica, may be disabled, and statement triggers of
-- the raw table do not fire for an insert straight into a partition. Such rows are found here, and taken through the pipeline.
--
-- What is compared: each transaction that ingested has left counters, in the same (sub)transaction as its raw rows. So
-- raw rows are counted by their xmin and held against _counter.raw_rows by its xmin. Where there are more rows than were
-- counted, the rows of that transaction are decoded and those with an event that is nowhere are taken (_unprocessed). Rows that
-- were moved, updated or restored come with a new xmin, too, and prove to be all right; then the transaction is remembered.
--
-- How little is read: only raw rows with ids above _sweep.settled, where the BRIN index leads. Each run proposes the highest
-- id it sees; it is settled by the first later run that begins when all transactions that had written to the raw table by then, and
-- so held its lock, have ended, for those that come after get higher ids. A writer that is at work for long holds it back, other
-- transactions do not. Counters are folded only when the mark has passed all that their transaction wrote. So a row that
-- somebody gives a low id by hand is not found: replay(stream, raw_ids) takes it.
--
-- Raw rows whose events are all duplicates, or that have no event, leave no trace. Went they by the trigger, they are not
-- counted either; reconcile() knows them.
--
-- Transaction ids mean nothing in another cluster or for a table that was restored; there, raw rows have no counters,
-- and what is above the mark is decoded once.

CREATE TABLE _sweep (
    stream_id         int PRIMARY KEY,
    cluster           bigint NOT NULL,
    raw_table         oid NOT NULL,     -- a number: another one after a restore
    settled           bigint NOT NULL DEFAULT -9223372036854775808, -- raw rows up to this id have been looked at
    settled_snapshot  pg_snapshot,      -- and they are all that transactions that are visible in it have written
    proposed          bigint,
    proposed_snapshot pg_snapshot,
    proposed_by       text[]            -- proposed is settled when these (virtual transactions) have ended
);
CREATE TRIGGER delete_sweep AFTER DELETE ON _stream REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION _delete_dependents('_sweep', 'stream_id');
COMMENT ON TABLE _sweep IS 'how far the raw rows of each stream were searched for rows that were not ingested';

CREATE TABLE _sweep_transaction (
    stream_id   int NOT NULL,
    transaction xid NOT NULL
);
CREATE TRIGGER delete_sweep_transaction AFTER DELETE ON _stream REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION _delete_dependents('_sweep_transaction', 'stream_id');
COMMENT ON TABLE _sweep_transaction IS 'transactions above the mark that have raw rows without counters, and were looked into';

CREATE TABLE _sweep_row (
    stream_id int NOT NULL,
    raw_id    bigint NOT NULL,
    PRIMARY KEY (stream_id, raw_id)
);
CREATE TRIGGER delete_sweep_row AFTER DELETE ON _stream REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION _delete_dependents('_sweep_row', 'stream_id');
COMMENT ON TABLE _sweep_row IS 'raw rows that wait to be ingested by maintenance';
SELECT pg_catalog.pg_extension_config_dump('_sweep', '');
SELECT pg_catalog.pg_extension_config_dump('_sweep_transaction', '');
SELECT pg_catalog.pg_extension_config_dump('_sweep_row', '');

CREATE FUNCTION _sweep_streams() RETURNS TABLE (stream_id int, name text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.stream_id, s.event_table::text FROM @extschema@._stream s
    JOIN pg_class e ON e.oid = s.event_table JOIN pg_class r ON r.oid = s.raw_table ORDER BY s.stream_id
$$;
COMMENT ON FUNCTION _sweep_streams() IS 'the streams whose tables are there';

-- {"last": highest raw id, "rows": {transaction: raw rows}} above a mark.
CREATE FUNCTION _sweep_count(raw_table regclass, settled bigint) RETURNS jsonb
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT @extschema@._rollup_run_as(c.relowner, '', 'UTC', format(
        'SELECT jsonb_build_object(''last'', max(g.last), ''rows'', coalesce(jsonb_object_agg(g.x, g.n), ''{}'')) '
        'FROM (SELECT r.xmin::text, count(*), max(r.raw_id) FROM %s r WHERE r.raw_id > %s GROUP BY r.xmin) g (x, n, last)',
        raw_table, settled), NULL, NULL)::jsonb
    FROM pg_class c WHERE c.oid = raw_table
$$;
COMMENT ON FUNCTION _sweep_count(regclass, bigint) IS 'how many raw rows above a mark each transaction has written';

CREATE FUNCTION _sweep_ids(raw_table regclass, settled bigint, transactions xid[]) RETURNS bigint[]
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT @extschema@._rollup_run_as(c.relowner, '', 'UTC', format(
        'SELECT array_agg(r.raw_id) FROM %s r WHERE r.raw_id > %s AND r.xmin = ANY (%L)', raw_table, settled, transactions),
        NULL, NULL)::bigint[]
    FROM pg_class c WHERE c.oid = raw_table
$$;
COMMENT ON FUNCTION _sweep_ids(regclass, bigint, xid[]) IS 'the raw rows above a mark that these transactions have written';

CREATE FUNCTION _sweep_written(raw_table regclass, raw_ids bigint[]) RETURNS jsonb
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(@extschema@._rollup_run_as(c.relowner, '', 'UTC', format(
        'SELECT jsonb_object_agg(r.raw_id, r.xmin) FROM %s r WHERE r.raw_id IN (SELECT unnest(%L::bigint[])) AND r.raw_id BETWEEN %s AND %s',
        raw_table, raw_ids, coalesce(ids.least, 0), coalesce(ids.greatest, 0)), NULL, NULL)::jsonb, '{}')
    FROM pg_class c, (SELECT min(i), max(i) FROM unnest(raw_ids) i) ids (least, greatest) WHERE c.oid = raw_table
$$;
COMMENT ON FUNCTION _sweep_written(regclass, bigint[]) IS '{raw_id: the transaction that has written it}';

-- Who inserts locks the table, or the partition, before he gets an id. A prepared transaction is known by another name (-1/...) after
-- a restart.
CREATE FUNCTION _sweep_writers(raw_table regclass) RETURNS SETOF text
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT DISTINCT l.virtualtransaction FROM pg_locks l
    WHERE l.locktype = 'relation' AND l.mode = 'RowExclusiveLock' AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      AND l.relation IN (SELECT p.relid FROM pg_partition_tree(raw_table) p)
$$;
COMMENT ON FUNCTION _sweep_writers(regclass) IS 'the virtual transactions that are writing to a raw table or its partitions';

-- Find rows that were not ingested, and put them into _sweep_row.
CREATE FUNCTION _sweep_find(stream_id int) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here   bigint := (SELECT system_identifier FROM pg_control_system());
    s      @extschema@._stream;
    mark   @extschema@._sweep;
    before pg_snapshot := pg_current_snapshot();
    ended  boolean;
    seen   jsonb;
    odd    xid[];
BEGIN
    SELECT * INTO s FROM @extschema@._stream t WHERE t.stream_id = $1;
    INSERT INTO @extschema@._sweep (stream_id, cluster, raw_table) VALUES ($1, here, s.raw_table) ON CONFLICT DO NOTHING;
    SELECT * INTO mark FROM @extschema@._sweep w WHERE w.stream_id = $1 FOR UPDATE;
    IF mark.cluster <> here OR mark.raw_table <> s.raw_table THEN
        DELETE FROM @extschema@._sweep_transaction t WHERE t.stream_id = $1;
        mark.settled_snapshot := NULL;
        mark.proposed := NULL;
    END IF;
    ended := NOT EXISTS (SELECT FROM @extschema@._sweep_writers(s.raw_table) w WHERE w = ANY (mark.proposed_by) OR w LIKE '-1/%');
    seen := @extschema@._sweep_count(s.raw_table, mark.settled);
    DELETE FROM @extschema@._sweep_transaction t WHERE t.stream_id = $1 AND NOT seen -> 'rows' ? t.transaction::text;
    SELECT array_agg(r.key::xid) INTO odd
    FROM jsonb_each_text(seen -> 'rows') r
    LEFT JOIN (SELECT n.xmin, sum(n.raw_rows) FROM @extschema@._counter n WHERE n.stream_id = $1 GROUP BY n.xmin) counted (x, n) ON counted.x = r.key::xid
    WHERE r.value::bigint > coalesce(counted.n, 0)
    AND NOT EXISTS (SELECT FROM @extschema@._sweep_transaction t WHERE t.stream_id = $1 AND t.transaction = r.key::xid);
    INSERT INTO @extschema@._sweep_transaction SELECT $1, x FROM unnest(odd) x;
    INSERT INTO @extschema@._sweep_row
    SELECT $1, id FROM unnest(@extschema@._unprocessed(s.event_table, @extschema@._sweep_ids(s.raw_table, mark.settled, odd))) id
    ON CONFLICT DO NOTHING;
    IF mark.proposed IS NOT NULL AND ended THEN
        mark.settled := mark.proposed;
        mark.settled_snapshot := mark.proposed_snapshot;
    END IF;
    -- Whoever is at work now may have written below what was seen: the writers of this moment, not those of the start.
    IF mark.proposed IS NULL OR ended THEN
        mark.proposed := greatest(mark.settled, (seen ->> 'last')::bigint);
        mark.proposed_snapshot := before;
        mark.proposed_by := ARRAY(SELECT @extschema@._sweep_writers(s.raw_table));
    END IF;
    UPDATE @extschema@._sweep w SET cluster = here, raw_table = s.raw_table, settled = mark.settled,
        settled_snapshot = mark.settled_snapshot, proposed = mark.proposed, proposed_snapshot = mark.proposed_snapshot,
        proposed_by = mark.proposed_by
    WHERE w.stream_id = $1;
END
$$;
COMMENT ON FUNCTION _sweep_find(int) IS 'look for raw rows that were not ingested, above those that were looked at before';

-- A row's transaction id has lost its upper half, which is that of the latest time when it can have been in use.
CREATE FUNCTION _sweep_xid8(transaction xid) RETURNS xid8
LANGUAGE sql STABLE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (low + ((next - low) >> 32 << 32))::text::xid8
    FROM (SELECT transaction::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint) ids (low, next)
$$;
COMMENT ON FUNCTION _sweep_xid8(xid) IS 'the 64 bits of the id of a transaction that has ended';

-- What replay() asks about raw rows without any event on record: true, they were counted when they came, as duplicates for example,
-- or rows that somebody deleted; false, they never were; null: nobody knows. Their transactions tell, as in _sweep_find().
CREATE FUNCTION _sweep_counted(stream_id int, raw_ids bigint[]) RETURNS TABLE (raw_id bigint, counted boolean)
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off -- _sweep_row grows faster than its statistics
AS $$
DECLARE
    s        @extschema@._stream;
    mark     @extschema@._sweep;
    settled  bigint;
    restored boolean;   -- transactions of another cluster, or table, tell nothing
    written  jsonb;
    seen     jsonb;
BEGIN
    SELECT * INTO s FROM @extschema@._stream t WHERE t.stream_id = $1;
    SELECT * INTO mark FROM @extschema@._sweep w WHERE w.stream_id = $1;
    settled := coalesce(mark.settled, -9223372036854775808);
    restored := mark.cluster <> (SELECT system_identifier FROM pg_control_system()) OR mark.raw_table <> s.raw_table;
    written := @extschema@._sweep_written(s.raw_table, raw_ids);
    seen := @extschema@._sweep_count(s.raw_table, settled) -> 'rows';
    RETURN QUERY
    SELECT r.key::bigint, CASE
        WHEN w.raw_id IS NOT NULL THEN false
        WHEN restored THEN NULL
        WHEN r.key::bigint <= settled THEN nullif(pg_visible_in_snapshot(@extschema@._sweep_xid8(r.value::xid), mark.settled_snapshot), false)
        WHEN r.value::xid IN (SELECT t.transaction FROM @extschema@._sweep_transaction t WHERE t.stream_id = $1) THEN true
        WHEN n.raw_rows >= (seen ->> r.value)::bigint THEN true
        WHEN coalesce(n.raw_rows, 0) = 0 THEN false END
    FROM jsonb_each_text(written) r
    LEFT JOIN @extschema@._sweep_row w ON w.stream_id = $1 AND w.raw_id = r.key::bigint
    LEFT JOIN (SELECT c.xmin, sum(c.raw_rows) FROM @extschema@._counter c WHERE c.stream_id = $1 GROUP BY c.xmin) n (transaction, raw_rows)
        ON n.transaction = r.value::xid;
END
$$;
COMMENT ON FUNCTION _sweep_counted(int, bigint[]) IS 'were these raw rows counted when they came? Null where nobody knows';

CREATE FUNCTION _sweep_upto(stream_id int, after bigint, most int) RETURNS bigint
LANGUAGE sql STABLE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT max(w.raw_id)
    FROM (SELECT r.raw_id FROM @extschema@._sweep_row r WHERE r.stream_id = $1 AND r.raw_id > after ORDER BY r.raw_id LIMIT most) w
$$;
COMMENT ON FUNCTION _sweep_upto(int, bigint, int) IS 'the last of the next raw rows that were found, so many of them; null: there are none';

CREATE FUNCTION _sweep_take(stream_id int, first bigint, last bigint) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ids bigint[] := ARRAY(SELECT w.raw_id FROM @extschema@._sweep_row w WHERE w.stream_id = $1 AND w.raw_id BETWEEN first AND last);
BEGIN
    PERFORM @extschema@._replay(s.event_table, ids) FROM @extschema@._stream s WHERE s.stream_id = $1;
    DELETE FROM @extschema@._sweep_row w WHERE w.stream_id = $1 AND w.raw_id = ANY (ids);
END
$$;
COMMENT ON FUNCTION _sweep_take(int, bigint, bigint) IS 'ingest the raw rows that were found, those with these ids';

-- Many in a transaction; fewer where one cannot be taken, until it is alone: it waits, and keeps no other from being taken. What is
-- tried last of all is a row that waits, so that the log says why.
CREATE PROCEDURE _maintenance_sweep_rows(stream_id int, name text)
LANGUAGE plpgsql
AS $$
DECLARE
    after    bigint := -9223372036854775808;
    most     int := 10000;
    failures int := 0;
    waits    bigint;
    upto     bigint;
BEGIN
    LOOP
        upto := @extschema@._sweep_upto($1, after, most);
        EXIT WHEN upto IS NULL OR failures OPERATOR(pg_catalog.=) 1000;
        IF @extschema@._maintenance_step('sweep', $2, pg_catalog.format('SELECT @extschema@._sweep_take(%s, %s, %s)', $1,
                                                                        after OPERATOR(pg_catalog.+) 1, upto)) THEN
            after := upto;
            most := least(most OPERATOR(pg_catalog.*) 10, 10000);
        ELSE
            failures := failures OPERATOR(pg_catalog.+) 1;
            IF most OPERATOR(pg_catalog.=) 1 THEN
                waits := upto;
                after := upto;
            END IF;
            most := greatest(most OPERATOR(pg_catalog./) 10, 1);
        END IF;
        COMMIT;
    END LOOP;
    IF waits IS NOT NULL THEN
        PERFORM @extschema@._maintenance_step('sweep', $2, pg_catalog.format('SELECT @extschema@._sweep_take(%s, %s, %2$s)', $1, waits));
    END IF;
    COMMIT;
END
$$;
COMMENT ON PROCEDURE _maintenance_sweep_rows(int, text) IS 'ingest the raw rows of a stream that were found, in small transactions';

CREATE PROCEDURE _maintenance_sweep()
LANGUAGE plpgsql
AS $$
DECLARE
    t record;
BEGIN
    FOR t IN SELECT * FROM @extschema@._sweep_streams() LOOP
        PERFORM @extschema@._maintenance_step('sweep', t.name, pg_catalog.format('SELECT @extschema@._sweep_find(%s)', t.stream_id), '1 second');
        COMMIT;
        CALL @extschema@._maintenance_sweep_rows(t.stream_id, t.name);
    END LOOP;
END
$$;
COMMENT ON PROCEDURE _maintenance_sweep() IS 'ingest the raw rows that came in without';

REVOKE ALL ON FUNCTION _sweep_streams(), _sweep_count(regclass, bigint), _sweep_ids(regclass, bigint, xid[]), _sweep_xid8(xid), _sweep_writers(regclass), _sweep_find(int),
    _sweep_written(regclass, bigint[]), _sweep_counted(int, bigint[]), _sweep_upto(int, bigint, int),
    _sweep_take(int, bigint, bigint) FROM PUBLIC;
REVOKE ALL ON PROCEDURE _maintenance_sweep(), _maintenance_sweep_rows(int, text) FROM PUBLIC;
