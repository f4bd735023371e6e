-- ingest/stream.sql: making, changing and dropping streams.
--
-- These run as the caller, who becomes the owner of the tables. They resolve names along the caller's search_path, so
-- they cannot pin it; everything else in them is qualified.

CREATE FUNCTION _ingest() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'ep_ingest_trigger';
COMMENT ON FUNCTION _ingest() IS 'statement trigger of raw tables: decode, flatten, evolve, write, account';

CREATE FUNCTION _row_index(internal) RETURNS index_am_handler
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'ep_row_index';
COMMENT ON FUNCTION _row_index(internal) IS 'handler of the access method event_pipeline_rows';
CREATE ACCESS METHOD event_pipeline_rows TYPE INDEX HANDLER @extschema@._row_index;
COMMENT ON ACCESS METHOD event_pipeline_rows IS 'indexes that hold nothing: a raw table has one, by which ingest is told where rows are stored';
CREATE OPERATOR FAMILY _row_ops USING event_pipeline_rows;
COMMENT ON OPERATOR FAMILY _row_ops USING event_pipeline_rows IS 'raw_id, which names the row';
CREATE OPERATOR CLASS _row_ops DEFAULT FOR TYPE bigint USING event_pipeline_rows FAMILY _row_ops AS STORAGE bigint;
COMMENT ON OPERATOR CLASS _row_ops USING event_pipeline_rows IS 'raw_id, which names the row';

CREATE FUNCTION _row_index_of(raw_table regclass) RETURNS regclass
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
    SELECT i.indexrelid::regclass FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
    WHERE i.indrelid = raw_table AND a.amname = 'event_pipeline_rows'
$$;
COMMENT ON FUNCTION _row_index_of(regclass) IS 'the index of a raw table by which ingest is told of its rows; null: it has none';

CREATE FUNCTION _capture_departed(raw_table regclass, raw_id bigint) RETURNS boolean
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'ep_capture_departed';
COMMENT ON FUNCTION _capture_departed(regclass, bigint) IS 'notes that a raw row was deleted or moved, so that it is no new one where it arrives; always false';

-- Nothing else would ever let them go: retention drops the rejections of the rows that it drops.
CREATE FUNCTION _rejection_departed() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stream int := (SELECT s.stream_id FROM @extschema@._stream s WHERE s.raw_table = TG_RELID);
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM @extschema@._rejection j WHERE j.stream_id = stream;
    ELSE
        DELETE FROM @extschema@._rejection j USING gone g WHERE j.stream_id = stream AND j.raw_id = g.raw_id;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION _rejection_departed() IS 'the rejections of raw rows that are deleted go with them';

CREATE FUNCTION _stream_relation(stream text) RETURNS regclass
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    relation regclass := @extschema@._relation_named(stream, 'stream');
BEGIN
    IF relation IS NULL OR NOT EXISTS (SELECT FROM @extschema@._stream_tables(relation) t WHERE t.raw_table IS NOT NULL) THEN
        RAISE EXCEPTION 'stream "%" does not exist', stream
            USING ERRCODE = 'undefined_object', HINT = 'Streams are made by event_pipeline.create_stream().';
    END IF;
    RETURN relation;
END
$$;
COMMENT ON FUNCTION _stream_relation(text) IS 'the event table of a stream by its name, or one clear error';

CREATE FUNCTION _create_event_table(schema_name name, table_name name, period interval) RETURNS regclass
LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass;
BEGIN
    EXECUTE format($sql$
        CREATE TABLE %I.%I (
            event_time  timestamptz NOT NULL,
            received_at timestamptz,
            _ep_raw_id  bigint,
            _ep_seq     int,
            _ep_rescued jsonb
        ) PARTITION BY RANGE (event_time)$sql$, schema_name, table_name);
    relation := format('%I.%I', schema_name, table_name)::regclass;
    EXECUTE format('COMMENT ON COLUMN %s.event_time IS %L', relation, 'when the event happened');
    EXECUTE format('COMMENT ON COLUMN %s.received_at IS %L', relation, 'when its raw row arrived');
    EXECUTE format('COMMENT ON COLUMN %s._ep_raw_id IS %L', relation, 'the raw row it came from: raw_id');
    EXECUTE format('COMMENT ON COLUMN %s._ep_seq IS %L', relation, 'its place in that raw row, from 1');
    EXECUTE format('COMMENT ON COLUMN %s._ep_rescued IS %L', relation,
                   'attributes kept beside the columns: {"path": {"v": value, "why": reason}}');
    PERFORM @extschema@._partition_create(relation, 'event_time', period);
    RETURN relation;
END
$$;
COMMENT ON FUNCTION _create_event_table(name, name, interval) IS 'an event table with our fixed columns, partitioned by event_time';

CREATE FUNCTION _create_routed_table(event_table regclass, table_name text) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    schema_name name := (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = event_table);
    relation regclass;
BEGIN
    PERFORM @extschema@._partition_follow(event_table);
    relation := @extschema@._create_event_table(schema_name, table_name::name, @extschema@._partition_interval(event_table));
    EXECUTE format('COMMENT ON TABLE %s IS %L', relation, 'events routed from ' || event_table);
END
$$;
COMMENT ON FUNCTION _create_routed_table(regclass, text) IS 'the event table for one routing value, beside the stream''s own';

-- pglz takes longer to compress a blob than we take to decode it and to write its rows.
CREATE FUNCTION _fast_compression() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE WHEN 'lz4' = ANY (enumvals) THEN 'COMPRESSION lz4' ELSE '' END FROM pg_settings WHERE name = 'default_toast_compression' $$;
COMMENT ON FUNCTION _fast_compression() IS 'the clause that has a column compressed with lz4, where the server was built with it';

CREATE FUNCTION create_stream(
    stream text, format text, message_type text DEFAULT NULL, event_time text DEFAULT NULL, event_id text DEFAULT NULL,
    route_by text DEFAULT NULL, partition_interval interval DEFAULT '1 day', raw_retention interval DEFAULT '30 days',
    retention interval DEFAULT NULL, framing text DEFAULT NULL, subject text DEFAULT NULL, required text DEFAULT NULL,
    delimiter text DEFAULT NULL, fourccs text DEFAULT NULL, settings jsonb DEFAULT '{}', contract jsonb DEFAULT '{}',
    quirks boolean DEFAULT NULL) RETURNS regclass
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_variable
DECLARE
    parts       text[] := pg_catalog.parse_ident(@extschema@._relation_to_make(stream, 'stream'));
    schema_name text := parts[1];
    table_name  text := parts[2];
    raw_name    text := table_name OPERATOR(pg_catalog.||) '_raw';
    id_name     text := table_name OPERATOR(pg_catalog.||) '_ids';
    payload_type text := CASE WHEN format OPERATOR(pg_catalog.=) ANY ('{json,csv}') THEN 'text' ELSE 'bytea' END;
    existing    regclass;
    is_stream   boolean;
    event_table regclass;
    raw_table   regclass;
    id_table    regclass;
BEGIN
    IF format IS NULL OR partition_interval IS NULL THEN
        RAISE EXCEPTION 'format and partition interval must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF pg_catalog.octet_length(table_name) OPERATOR(pg_catalog.>) 59 THEN
        RAISE EXCEPTION 'stream name "%" is not usable', stream
            USING ERRCODE = 'invalid_name', HINT = 'Give the table at most 59 bytes: "_raw" is put after it.';
    END IF;
    existing := pg_catalog.to_regclass(pg_catalog.format('%I.%I', schema_name, table_name));
    IF existing IS NOT NULL THEN
        is_stream := EXISTS (SELECT FROM @extschema@._stream_tables(existing) t WHERE t.raw_table IS NOT NULL);
        RAISE EXCEPTION '% "%" exists already', CASE WHEN is_stream THEN 'stream' ELSE 'relation' END, existing
            USING ERRCODE = 'duplicate_table', HINT = 'Choose another name' OPERATOR(pg_catalog.||) CASE WHEN is_stream
                THEN pg_catalog.format(', or drop the stream with its events: SELECT @extschema@.drop_stream(%L).', existing)
                ELSE '.' END;
    END IF;
    settings := pg_catalog.jsonb_strip_nulls(coalesce(settings, '{}') OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object(
        'framing', framing, 'subject', subject, 'required', required, 'delimiter', delimiter, 'fourccs', fourccs,
        'quirks', quirks));

    event_table := @extschema@._create_event_table(schema_name::name, table_name::name, partition_interval);
    EXECUTE pg_catalog.format($sql$
        CREATE TABLE %1$I.%2$I (
            raw_id      bigint GENERATED ALWAYS AS IDENTITY,
            received_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
            source      text,
            payload     %3$s %4$s
        ) PARTITION BY RANGE (received_at);
        CREATE INDEX ON %1$I.%2$I USING brin (raw_id);
        CREATE INDEX ON %1$I.%2$I USING event_pipeline_rows (raw_id)$sql$, schema_name, raw_name, payload_type, @extschema@._fast_compression());
    raw_table := pg_catalog.format('%I.%I', schema_name, raw_name)::regclass;
    -- Compression finds nothing in samples: it would only take time and one more copy of a log in memory.
    IF format OPERATOR(pg_catalog.=) 'gpmf' THEN
        EXECUTE pg_catalog.format('ALTER TABLE %s ALTER COLUMN payload SET STORAGE EXTERNAL', raw_table);
    END IF;
    PERFORM @extschema@._partition_create(raw_table, 'received_at', partition_interval);
    -- Raw rows must land even when nobody has made a partition for today. A name too long is cut and told apart by its hash.
    EXECUTE pg_catalog.format('CREATE TABLE %I.%I PARTITION OF %s DEFAULT', schema_name,
        CASE WHEN pg_catalog.octet_length(table_name) OPERATOR(pg_catalog.<=) 51 THEN table_name
             ELSE pg_catalog.left(table_name, 10) OPERATOR(pg_catalog.||) '_' OPERATOR(pg_catalog.||) pg_catalog.left(pg_catalog.md5(table_name), 8)
        END OPERATOR(pg_catalog.||) '_raw_default', raw_table);
    IF event_id IS NOT NULL THEN
        EXECUTE pg_catalog.format($sql$
            CREATE TABLE %1$I.%2$I (
                event_id   text PRIMARY KEY,
                event_time timestamptz NOT NULL,
                taken_at   timestamptz NOT NULL DEFAULT pg_catalog.now()
            )$sql$, schema_name, id_name);
        id_table := pg_catalog.format('%I.%I', schema_name, id_name)::regclass;
        EXECUTE pg_catalog.format('COMMENT ON TABLE %s IS %L', id_table,
                                  pg_catalog.format('event ids that stream %s has taken', event_table));
    END IF;
    PERFORM @extschema@._stream_register(event_table, raw_table, id_table, format, message_type, event_time, event_id, route_by,
                                         partition_interval, raw_retention, retention, settings,
                                         pg_catalog.jsonb_strip_nulls(coalesce(contract, '{}')));
    EXECUTE pg_catalog.format($sql$
        CREATE TRIGGER _ep_begin BEFORE INSERT ON %1$s FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._ingest();
        CREATE TRIGGER _ep_departed BEFORE DELETE ON %1$s FOR EACH ROW
            WHEN (@extschema@._capture_departed(%1$L, OLD.raw_id)) EXECUTE FUNCTION @extschema@._ingest();
        CREATE TRIGGER _ep_ingest AFTER INSERT ON %1$s FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._ingest();
        CREATE TRIGGER _ep_deleted AFTER DELETE ON %1$s REFERENCING OLD TABLE AS gone
            FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._rejection_departed();
        CREATE TRIGGER _ep_truncated AFTER TRUNCATE ON %1$s
            FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._rejection_departed()$sql$, raw_table);
    EXECUTE pg_catalog.format('COMMENT ON TABLE %s IS %L', event_table, pg_catalog.format('events of stream %s, decoded from %s', event_table, raw_table));
    EXECUTE pg_catalog.format('COMMENT ON TABLE %s IS %L', raw_table, pg_catalog.format('raw %s payloads of stream %s, as they came', format, event_table));
    PERFORM @extschema@._view_refresh(event_table);
    RETURN event_table;
END
$$;
COMMENT ON FUNCTION create_stream(text, text, text, text, text, text, interval, interval, interval, text, text, text, text, text, jsonb, jsonb, boolean) IS
'make a stream: the event table, "<stream>_raw" for payloads, their partitions and the trigger between them; gives the event table.
format: json, csv, protobuf or gpmf; message_type: full protobuf name; event_time, event_id, route_by: source paths; framing, subject, required: protobuf;
delimiter: csv; fourccs: gpmf, which become tables; quirks: gpmf, true corrects what firmware is known to write wrong; settings: lock_budget_ms 30, max_columns 400, max_new_columns 100, max_new_partitions 1000, max_partitions 2000, max_tables_per_hour 100, max_columns_per_hour 400, max_map_keys 100, future_window, late_window, infer_timestamps false;
contract: what to do about attributes without a column, values that misfit theirs, and routes without a table: {"columns": w, "types": w, "tables": w, "paths":
{"debug.**": {"columns": w, "types": w}}}, each w being evolve, rescue, reject, discard or freeze';

CREATE FUNCTION alter_stream(stream text, raw_retention interval DEFAULT NULL, retention interval DEFAULT NULL,
                             settings jsonb DEFAULT NULL, contract jsonb DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM @extschema@._stream_update(@extschema@._stream_relation(stream), raw_retention, retention, settings, contract);
END
$$;
COMMENT ON FUNCTION alter_stream(text, interval, interval, jsonb, jsonb) IS
'change a stream''s retentions, settings and contract; null keeps what is; settings and contract are merged key by key, and a null in them goes back to its default';

CREATE FUNCTION freeze(stream text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM @extschema@.alter_stream(stream, contract => '{"columns": "freeze", "types": "freeze", "tables": "freeze"}');
END
$$;
COMMENT ON FUNCTION freeze(text) IS
    'let a statement fail that would bring a new column, a new table or a value that misfits its column; what the contract says of paths stays';

-- Also of a stream whose event table was dropped by hand: its raw table still has the name.
CREATE FUNCTION _stream_to_drop(stream text) RETURNS regclass
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    parts  text[];
    orphan regclass;
BEGIN
    IF @extschema@._relation_named(stream, 'stream') IS NULL THEN
        parts := pg_catalog.parse_ident(stream);
        parts[pg_catalog.cardinality(parts)] := parts[pg_catalog.cardinality(parts)] OPERATOR(pg_catalog.||) '_raw';
        orphan := @extschema@._stream_orphan(pg_catalog.to_regclass((
            SELECT pg_catalog.string_agg(pg_catalog.quote_ident(part), '.' ORDER BY place)
            FROM pg_catalog.unnest(parts) WITH ORDINALITY p (part, place))));
    END IF;
    RETURN coalesce(orphan, @extschema@._stream_relation(stream));
END
$$;
COMMENT ON FUNCTION _stream_to_drop(text) IS 'the event table of a stream by its name, be it there or not';

CREATE FUNCTION drop_stream(stream text, keep_tables boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    event_table regclass := @extschema@._stream_to_drop(stream);
    tables      record;
    relation    regclass;
    dependents  text;
BEGIN
    IF keep_tables IS NULL THEN
        RAISE EXCEPTION 'keep_tables must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM @extschema@._owners_follow(c.oid) FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) event_table;
    SELECT * INTO tables FROM @extschema@._stream_tables(event_table);
    PERFORM @extschema@._stream_forget(event_table);
    IF NOT keep_tables THEN
        FOR relation IN SELECT c.oid FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) ANY (tables.views) LOOP
            EXECUTE pg_catalog.format('DROP VIEW %s', relation);
        END LOOP;
    END IF;
    -- Some may have been dropped by hand.
    FOR relation IN
        SELECT c.oid FROM pg_catalog.pg_class c
        WHERE c.oid OPERATOR(pg_catalog.=) ANY (tables.targets OPERATOR(pg_catalog.||) tables.raw_table OPERATOR(pg_catalog.||) tables.id_table)
    LOOP
        IF relation OPERATOR(pg_catalog.=) tables.raw_table THEN
            EXECUTE pg_catalog.format('DROP TRIGGER IF EXISTS _ep_begin ON %1$s; DROP TRIGGER IF EXISTS _ep_departed ON %1$s; '
                                      'DROP TRIGGER IF EXISTS _ep_ingest ON %1$s; DROP TRIGGER IF EXISTS _ep_deleted ON %1$s; '
                                      'DROP TRIGGER IF EXISTS _ep_truncated ON %1$s', relation);
            IF @extschema@._row_index_of(relation) IS NOT NULL THEN
                EXECUTE pg_catalog.format('DROP INDEX %s', @extschema@._row_index_of(relation));
            END IF;
        END IF;
        PERFORM @extschema@._partition_drop_config(relation);
        IF keep_tables THEN
            PERFORM @extschema@._invalidation_unwatch(relation);
        ELSE
            EXECUTE pg_catalog.format('DROP TABLE %s', relation);
        END IF;
    END LOOP;
EXCEPTION WHEN dependent_objects_still_exist THEN
    GET STACKED DIAGNOSTICS dependents = PG_EXCEPTION_DETAIL;
    RAISE EXCEPTION 'cannot drop stream "%" because other objects depend on its tables', stream
        USING ERRCODE = 'dependent_objects_still_exist', DETAIL = dependents,
              HINT = 'Drop these first, or leave the tables where they are: drop_stream(..., keep_tables => true).';
END
$$;
COMMENT ON FUNCTION drop_stream(text, boolean) IS
    'drop a stream with its raw and event tables, or, with keep_tables, only cut the way between them';
