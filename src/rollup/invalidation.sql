-- rollup/invalidation.sql: who has read which invalidations.
--
-- Ingest appends to _invalidation; several consumers (rollups, flight tables) read the same rows, each at its own pace.
-- A consumer's place is the snapshot it last read with: a row is news when the transaction that appended it is not visible in
-- that snapshot. Unlike a number, a snapshot cannot pass by a row whose transaction commits late. A row may be
-- seen twice, never missed; consumers replace what they recompute, so twice is harmless.
--
-- A target is an event table, or, with a negative number, the table of a rollup that others read: its refreshes append always.
--
--   attach   tell ingest to track the target and stand at "everything up to now is read"; compute in full afterwards
--   read     the granules that are news, and move on; in one transaction with what is done about them
--   detach   the consumer is gone
--   trim     delete what every consumer has read
--
-- Transaction ids mean nothing in another cluster. After a logical restore the cluster differs from the stored one, and
-- a consumer reads everything there is.

CREATE TABLE _invalidation_reader (
    consumer  text NOT NULL,            -- 'flight_table:<oid>', 'rollup:<id>' ...
    target_id int NOT NULL,
    snapshot  pg_snapshot NOT NULL,
    own_xid   xid8 NOT NULL,            -- the transaction that read last,
    own_id    bigint NOT NULL,          -- and up to where it has read what it appended itself
    cluster   bigint NOT NULL,
    PRIMARY KEY (consumer, target_id)
);
CREATE TRIGGER delete_invalidation_reader AFTER DELETE ON _target REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION _delete_dependents('_invalidation_reader', 'target_id');
COMMENT ON TABLE _invalidation_reader IS 'up to where each consumer has read the invalidations of a target';
SELECT pg_catalog.pg_extension_config_dump('_invalidation_reader', '');

-- pg_current_snapshot() says of our own transaction what comes out: it is left out of the list of those at work, so it looks
-- finished as soon as a later one has finished (or a later subtransaction was rolled back), and what it appends from here on
-- would never be news. So it is put into the list, and what it has appended before is told apart by its number (own_id). Stable: the snapshot is that of the calling statement.
CREATE FUNCTION _invalidation_place() RETURNS pg_snapshot
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN own IS NULL OR NOT pg_visible_in_snapshot(own, here) THEN here
                ELSE format('%s:%s:%s', least(pg_snapshot_xmin(here), own), pg_snapshot_xmax(here),
                            (SELECT string_agg(x::text, ',' ORDER BY x)
                             FROM (SELECT pg_snapshot_xip(here) UNION SELECT own) at_work (x)))::pg_snapshot END
    FROM (SELECT pg_current_snapshot(), pg_current_xact_id_if_assigned()) now (here, own)
$$;
COMMENT ON FUNCTION _invalidation_place() IS 'the current snapshot, in which the current transaction is at work';
REVOKE ALL ON FUNCTION _invalidation_place() FROM PUBLIC;

-- Ingest notes what it writes; what somebody else changes in an event table is noted by triggers on it, once it is tracked. They are for
-- statements on the table, not on a partition of it: row triggers would reach the partitions, and slow ingest down. TRUNCATE takes all
-- events away, and no aggregate: their buckets are frozen. Whoever reads something else than buckets has to look at everything ('-infinity').
-- They stay when nobody reads any more: to drop a trigger takes a lock that readers would queue behind.
CREATE FUNCTION _invalidation_changed() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target int := (SELECT t.target_id FROM @extschema@._target t WHERE t.relation = TG_RELID AND t.tracked);
    drones text := @extschema@._flight_note_query(target, TG_RELID, TG_OP);
BEGIN
    IF target IS NULL THEN
        RETURN NULL;
    ELSIF TG_OP = 'TRUNCATE' THEN
        UPDATE @extschema@._rollup_bucket b SET frozen = true FROM @extschema@._rollup r
        WHERE r.target_id = target AND b.rollup_id = r.rollup_id AND b.version > 0;
        INSERT INTO @extschema@._invalidation (target_id, granule) VALUES (target, '-infinity');
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO @extschema@._invalidation (target_id, granule)
        SELECT DISTINCT target, date_bin('15 minutes', g.event_time, '2000-01-03 00:00+00') FROM gone g;
    ELSE
        INSERT INTO @extschema@._invalidation (target_id, granule)
        SELECT DISTINCT target, date_bin('15 minutes', e.event_time, '2000-01-03 00:00+00')
        FROM (SELECT g.event_time FROM gone g UNION ALL SELECT c.event_time FROM come c) e;
    END IF;
    IF TG_OP <> 'TRUNCATE' AND drones IS NOT NULL THEN
        EXECUTE drones;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION _invalidation_changed() IS 'append invalidations for what an UPDATE, DELETE or TRUNCATE of an event table touched';

CREATE FUNCTION _invalidation_watch(target regclass) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = target AND t.tgname = '_ep_changed_update') THEN
        RETURN;
    END IF;
    EXECUTE format($sql$
        CREATE TRIGGER _ep_changed_update AFTER UPDATE ON %1$s REFERENCING OLD TABLE AS gone NEW TABLE AS come
            FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._invalidation_changed();
        CREATE TRIGGER _ep_changed_delete AFTER DELETE ON %1$s REFERENCING OLD TABLE AS gone
            FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._invalidation_changed();
        CREATE TRIGGER _ep_changed_truncate BEFORE TRUNCATE ON %1$s
            FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._invalidation_changed()$sql$, target);
END
$$;
COMMENT ON FUNCTION _invalidation_watch(regclass) IS 'make the triggers that note what others than ingest change in an event table';
REVOKE ALL ON FUNCTION _invalidation_watch(regclass) FROM PUBLIC;

CREATE FUNCTION _invalidation_unwatch(target regclass) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    trigger_name name;
BEGIN
    FOR trigger_name IN SELECT t.tgname FROM pg_trigger t
                        WHERE t.tgrelid = target AND t.tgfoid = '@extschema@._invalidation_changed()'::regprocedure AND t.tgparentid = 0 LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', trigger_name, target);
    END LOOP;
END
$$;
COMMENT ON FUNCTION _invalidation_unwatch(regclass) IS 'drop them, for its owner';

CREATE FUNCTION _invalidation_unread(i _invalidation, r _invalidation_reader) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN NOT pg_catalog.pg_visible_in_snapshot(i.xid, r.snapshot)
       AND NOT (i.xid OPERATOR(pg_catalog.=) r.own_xid AND i.invalidation_id OPERATOR(pg_catalog.<) r.own_id);
COMMENT ON FUNCTION _invalidation_unread(_invalidation, _invalidation_reader) IS 'true when an invalidation is news to a reader of its target in this cluster';

-- Start reading. Waits for the writers of the event table that are at work, and holds new ones (never readers) until
-- commit: those before are visible to the full computation that must follow in this transaction, those after append rows.
CREATE FUNCTION _invalidation_attach(consumer text, target_id int) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target regclass;
BEGIN
    UPDATE @extschema@._target t SET tracked = true WHERE t.target_id = $2 RETURNING t.relation INTO target;
    IF $2 < 0 THEN
        SELECT r.relation INTO target FROM @extschema@._rollup r WHERE r.rollup_id = -$2;
    END IF;
    IF target IS NULL THEN
        RAISE EXCEPTION 'event table number % does not exist', $2 USING ERRCODE = 'undefined_object';
    END IF;
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', target);
    -- On a table that is not partitioned ingest would take them for what may change its rows.
    IF $2 > 0 AND EXISTS (SELECT FROM pg_class c WHERE c.oid = target AND c.relkind = 'p') THEN
        PERFORM @extschema@._invalidation_watch(target);
    END IF;
    -- Trimming must not overlook a reader that has not committed yet.
    PERFORM @extschema@._lock('@extschema@._invalidation', 0, shared => true);
    INSERT INTO @extschema@._invalidation_reader
    SELECT $1, $2, @extschema@._invalidation_place(), pg_current_xact_id(), nextval('@extschema@._invalidation_id_seq'),
           (SELECT system_identifier FROM pg_control_system())
    ON CONFLICT ON CONSTRAINT _invalidation_reader_pkey
    DO UPDATE SET snapshot = excluded.snapshot, own_xid = excluded.own_xid, own_id = excluded.own_id, cluster = excluded.cluster;
END
$$;
COMMENT ON FUNCTION _invalidation_attach(text, int) IS 'have ingest track an event table for this consumer, who computes in full next, in the same transaction';
REVOKE ALL ON FUNCTION _invalidation_attach(text, int) FROM PUBLIC;

-- What is news to the consumer, and remember that it is read: granules, each once; those of them in which rows were changed or
-- deleted; and since: rows that were inserted have this xmin or a later one. A consumer that was never attached gets an error: it would miss what came before.
CREATE FUNCTION _invalidation_take(consumer text, target_id int, OUT granules timestamptz[], OUT rewritten timestamptz[], OUT since xid8)
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here bigint := (SELECT system_identifier FROM pg_control_system());
    seen @extschema@._invalidation_reader;
BEGIN
    SELECT * INTO seen FROM @extschema@._invalidation_reader r
    WHERE r.consumer = $1 AND r.target_id = $2 FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'consumer "%" does not read event table number %', $1, $2 USING ERRCODE = 'undefined_object';
    END IF;
    IF seen.cluster <> here THEN
        -- Restored rows: give them a transaction id that means something here.
        UPDATE @extschema@._invalidation i SET xid = pg_current_xact_id(), rewritten = true
        WHERE i.xid >= pg_snapshot_xmax(pg_current_snapshot()) AND i.xid <> pg_current_xact_id();
    END IF;
    -- One statement: what is read and what is remembered are the same snapshot.
    WITH moved AS (
        UPDATE @extschema@._invalidation_reader r SET snapshot = @extschema@._invalidation_place(), own_xid = pg_current_xact_id(),
               own_id = nextval('@extschema@._invalidation_id_seq'), cluster = here
        WHERE r.consumer = $1 AND r.target_id = $2)
    SELECT coalesce(array_agg(DISTINCT i.granule ORDER BY i.granule), '{}'),
           coalesce(array_agg(DISTINCT i.granule) FILTER (WHERE i.rewritten OR seen.cluster <> here), '{}')
    INTO granules, rewritten FROM @extschema@._invalidation i
    WHERE i.target_id = $2 AND (seen.cluster <> here OR @extschema@._invalidation_unread(i, seen));
    since := pg_snapshot_xmin(seen.snapshot);
END
$$;
COMMENT ON FUNCTION _invalidation_take(text, int) IS 'what changed since this consumer read last, which it has read now';
REVOKE ALL ON FUNCTION _invalidation_take(text, int) FROM PUBLIC;

CREATE FUNCTION _invalidation_read(consumer text, target_id int) RETURNS SETOF timestamptz
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT unnest(t.granules) FROM @extschema@._invalidation_take($1, $2) t $$;
COMMENT ON FUNCTION _invalidation_read(text, int) IS 'the granules that changed since this consumer read last, which it has read now';
REVOKE ALL ON FUNCTION _invalidation_read(text, int) FROM PUBLIC;

-- Stop reading all targets; ingest stops tracking those that nobody reads.
CREATE FUNCTION _invalidation_detach(consumer text) RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    -- Lock first: the last statement must see whoever is attaching at the same time.
    SELECT FROM @extschema@._target t JOIN @extschema@._invalidation_reader r USING (target_id)
    WHERE r.consumer = $1 ORDER BY t.target_id FOR UPDATE OF t;
    DELETE FROM @extschema@._invalidation_reader r WHERE r.consumer = $1;
    UPDATE @extschema@._target t SET tracked = false
    WHERE t.tracked AND NOT EXISTS (SELECT FROM @extschema@._invalidation_reader r WHERE r.target_id = t.target_id);
$$;
COMMENT ON FUNCTION _invalidation_detach(text) IS 'forget a consumer; event tables that nobody reads are no longer tracked';
REVOKE ALL ON FUNCTION _invalidation_detach(text) FROM PUBLIC;

-- Delete what every consumer of the target has read (all rows of a target without consumers); gives how many.
CREATE FUNCTION _invalidation_trim() RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    trimmed bigint := 0;
BEGIN
    -- Somebody is attaching: next time.
    IF @extschema@._lock('@extschema@._invalidation', 0, wait => false) THEN
        DELETE FROM @extschema@._invalidation i
        WHERE NOT EXISTS (
            SELECT FROM @extschema@._invalidation_reader r
            WHERE r.target_id = i.target_id
              AND (r.cluster <> (SELECT system_identifier FROM pg_control_system())
                   OR @extschema@._invalidation_unread(i, r)));
        GET DIAGNOSTICS trimmed = ROW_COUNT;
    END IF;
    RETURN trimmed;
END
$$;
COMMENT ON FUNCTION _invalidation_trim() IS 'delete the invalidations that every consumer has read; gives how many';
REVOKE ALL ON FUNCTION _invalidation_trim() FROM PUBLIC;
