-- lifecycle/partition.sql: the one adapter to pg_partman, 4.7 and 5.x, in whatever schema it lives.
--
-- Every event and raw table is a partition set of pg_partman: registered in its part_config, partitions made by its
-- create_partition_time() under its names, found again by its maintenance. What is done differently, and why:
--
--   * A set is registered by writing its part_config row, not by create_parent() (create_partition() since 5.4). That
--     function also makes a template table in pg_partman's own schema, which would ask for CREATE there, serves nothing that
--     we use and is shared by tables whose long names begin alike; and a default partition.
--   * No default partition. Rows in it would keep the proper partition from being made, and ATTACH takes ACCESS EXCLUSIVE on
--     it, so every reader of the table would wait. Without one, ATTACH takes SHARE UPDATE EXCLUSIVE on the table and
--     nobody waits. Maintenance of both majors works without one. A row without a partition is an error, so ingest calls _partition_ensure() first.
--   * pg_partman cuts long table names, so the partitions of two tables that begin alike would share names and the second
--     table would silently get none. Where it would cut, the partition is made here, with a hash of the table's name in its own.
--   * Partitions are cut and named in UTC whatever the session's zone, counted from 2000-01-01 (months) or Monday 2000-01-03.
--
-- All functions run as the caller, who owns the table and has the rights that _partition_create() spells out when they are absent.
-- pg_partman turns every error into SQLSTATE P0001, so locks are taken here first: lock_timeout and deadlocks keep theirs.

CREATE FUNCTION _partition_missing(relation regclass, times timestamptz[]) RETURNS timestamptz[]
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_partition_missing';
COMMENT ON FUNCTION _partition_missing(regclass, timestamptz[]) IS
    'those of the times that no partition of the table holds yet, seen as the tuple router sees it';

CREATE FUNCTION _partman_run(query text) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_partman_run';
COMMENT ON FUNCTION _partman_run(text) IS
    'run one statement as the caller under settings that pg_partman needs, and put back every setting that it changed';

CREATE FUNCTION _partman_schema() RETURNS name
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_in name := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
                      WHERE e.extname = 'pg_partman');
BEGIN
    IF found_in IS NULL THEN
        RAISE EXCEPTION 'extension "pg_partman" is not installed'
            USING ERRCODE = 'undefined_object', HINT = 'CREATE EXTENSION pg_partman;';
    END IF;
    RETURN found_in;
END
$$;
COMMENT ON FUNCTION _partman_schema() IS 'the schema in which pg_partman lives';

CREATE FUNCTION _partman_major() RETURNS int
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT split_part(extversion, '.', 1)::int FROM pg_extension WHERE extname = 'pg_partman' $$;
COMMENT ON FUNCTION _partman_major() IS 'the major version of the installed pg_partman';

CREATE FUNCTION _partman_key(relation regclass) RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key text;
BEGIN
    SELECT n.nspname || '.' || c.relname INTO key
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation;
    IF key LIKE '%.%.%' THEN
        RAISE EXCEPTION 'pg_partman does not take names with a period: %', relation
            USING ERRCODE = 'invalid_name', HINT = 'Choose a schema and a table name without periods.';
    END IF;
    RETURN key;
END
$$;
COMMENT ON FUNCTION _partman_key(regclass) IS 'how pg_partman writes a table in part_config: schema.table, not quoted';

-- Days and longer, or shorter than a day; a month has no fixed number of days, so the two do not mix.
CREATE FUNCTION _partition_start(at timestamptz, period interval) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN months = 0 THEN date_bin(period, at, '2000-01-03 00:00+00')
        ELSE (timestamp '2000-01-01' + make_interval(months => months *
              floor(((extract(year FROM utc) - 2000) * 12 + extract(month FROM utc) - 1) / months)::int)) AT TIME ZONE 'UTC'
        END
    FROM (SELECT at AT TIME ZONE 'UTC' AS utc,
                 (extract(year FROM period) * 12 + extract(month FROM period))::int AS months) parts
$$;
COMMENT ON FUNCTION _partition_start(timestamptz, interval) IS 'where the partition that holds this time begins';

CREATE FUNCTION _partition_create(relation regclass, control text, period interval) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET IntervalStyle = postgres
AS $$
DECLARE
    partman name := @extschema@._partman_schema();
    modern  boolean := @extschema@._partman_major() >= 5;
    key     text := @extschema@._partman_key(relation);
    config  text := format('%I.part_config', partman);
    months  int := extract(year FROM period) * 12 + extract(month FROM period);
    suffix  text := CASE WHEN modern THEN 'YYYYMMDD' ELSE 'YYYY_MM_DD' END;
BEGIN
    IF period < interval '1 second' OR period > interval '1000 years' OR (months <> 0 AND period <> make_interval(months => months)) THEN
        RAISE EXCEPTION 'cannot partition by intervals of %', period
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Choose whole months or years up to a thousand, or days and shorter units down to one second.';
    END IF;
    PERFORM @extschema@._partition_missing(relation, '{}');     -- right kind of table, or an error
    IF NOT EXISTS (SELECT FROM pg_partitioned_table p JOIN pg_attribute a
                   ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
                   WHERE p.partrelid = relation AND a.attname = control) THEN
        RAISE EXCEPTION 'table % is not partitioned by column "%"', relation, control
            USING ERRCODE = 'undefined_column';
    END IF;
    IF NOT has_schema_privilege(partman, 'USAGE') OR NOT has_table_privilege(config, 'SELECT')
        OR NOT has_table_privilege(config, 'INSERT') OR NOT has_table_privilege(config, 'UPDATE')
        OR NOT has_table_privilege(config, 'DELETE') OR NOT has_table_privilege(config || '_sub', 'SELECT') THEN
        RAISE EXCEPTION 'permission denied for pg_partman in schema "%"', partman
            USING ERRCODE = 'insufficient_privilege', HINT = format(
                'As its owner: GRANT USAGE ON SCHEMA %1$I TO %3$I; GRANT SELECT, INSERT, UPDATE, DELETE ON %2$s TO %3$I; GRANT SELECT ON %2$s_sub TO %3$I;',
                partman, config, current_user);
    END IF;
    IF period < interval '1 day' THEN
        suffix := suffix || '_HH24MISS';
    END IF;
    -- What is known of an older table of that name, which was dropped by hand.
    IF NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = relation) THEN
        PERFORM @extschema@._partition_drop_config(relation);
    END IF;
    EXECUTE format($sql$
        INSERT INTO %s (parent_table, control, partition_type, partition_interval, datetime_string, premake,
                        automatic_maintenance, infinite_time_partitions, retention_keep_table, jobmon %s)
        VALUES ($1, $2, %L, $3, $4, 2, 'on', true, false, false %s)$sql$,
        config, CASE WHEN modern THEN ', date_trunc_interval' END,
        CASE WHEN modern THEN 'range' ELSE 'native' END, CASE WHEN modern THEN ', ''second''' END)
    USING key, control, period::text, suffix;
    PERFORM @extschema@._partition_premake(relation);
END
$$;
COMMENT ON FUNCTION _partition_create(regclass, text, interval) IS
    'register a table that is partitioned by range of a timestamptz column with pg_partman, and make its first partitions';

CREATE FUNCTION _partition_interval(relation regclass) RETURNS interval
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    period interval;
BEGIN
    EXECUTE format('SELECT partition_interval::interval FROM %I.part_config WHERE parent_table = $1',
                   @extschema@._partman_schema()) INTO period USING @extschema@._partman_key(relation);
    RETURN period;
END
$$;
COMMENT ON FUNCTION _partition_interval(regclass) IS 'how long each partition of the table is, as pg_partman knows it';

-- pg_partman knows a set by its name. Who renamed the table or moved it to another schema left behind a row that names no table; the
-- partitions, which keep their names, tell whose it was.
CREATE FUNCTION _partition_follow(relation regclass) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    config text := format('%I.part_config', @extschema@._partman_schema());
    key    text := @extschema@._partman_key(relation);
    known  boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE parent_table = $1)', config) INTO known USING key;
    IF NOT known THEN
        EXECUTE format(
            'UPDATE %1$s SET parent_table = $1 WHERE parent_table = ('
            'SELECT p.parent_table FROM %1$s p, split_part(p.parent_table, ''.'', 1) s, split_part(p.parent_table, ''.'', 2) t '
            'WHERE to_regclass(format(''%%I.%%I'', s, t)) IS NULL AND EXISTS ('
            'SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $2 '
            'AND (starts_with(c.relname, t || ''_p'') OR strpos(c.relname, ''_'' || left(md5(t), 8) || ''_p'') > 0)) '
            'ORDER BY length(t) DESC LIMIT 1)', config) USING key, relation;
    END IF;
END
$$;
COMMENT ON FUNCTION _partition_follow(regclass) IS 'let pg_partman know a table by its present name, after it was renamed or moved';

-- pg_partman does not copy it; nobody else sees these tables yet.
CREATE FUNCTION _partition_compress(relation regclass, before oid[]) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record;
BEGIN
    FOR c IN
        SELECT i.inhrelid::regclass AS leaf, a.attname, CASE a.attcompression WHEN 'l' THEN 'lz4' ELSE 'pglz' END AS method
        FROM pg_attribute a JOIN pg_inherits i ON i.inhparent = a.attrelid
        WHERE a.attrelid = relation AND a.attcompression <> '' AND i.inhrelid <> ALL (before)
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET COMPRESSION %s', c.leaf, c.attname, c.method);
    END LOOP;
END
$$;
COMMENT ON FUNCTION _partition_compress(regclass, oid[]) IS 'give partitions that were not there before the compression of their table';

CREATE FUNCTION _partition_ensure(relation regclass, times timestamptz[], most int DEFAULT 2147483647, in_all int DEFAULT 2147483647) RETURNS int
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' SET DateStyle = 'ISO, YMD'
AS $$
DECLARE
    partman name;
    key     text;
    config  record;
    step    interval;
    starts  timestamptz[];
    wanted  int;
    before  oid[];
BEGIN
    IF cardinality(@extschema@._partition_missing(relation, times)) = 0 THEN
        RETURN 0;
    END IF;
    partman := @extschema@._partman_schema();
    key := @extschema@._partman_key(relation);
    PERFORM @extschema@._partition_follow(relation);
    EXECUTE format('SELECT control, partition_interval::interval AS period, datetime_string AS suffix, premake FROM %I.part_config '
                   'WHERE parent_table = $1', partman) INTO config USING key;
    IF config.period IS NULL THEN
        RAISE EXCEPTION 'table % is not managed by pg_partman', relation USING ERRCODE = 'undefined_object';
    END IF;
    -- pg_partman's maintenance makes a table first and asks for the lock on its parent then, we the other way round: a deadlock,
    -- were both at it. It does nothing while somebody has its advisory lock. While it runs we wait, but not for ever.
    FOR try IN 1..200 LOOP
        EXIT WHEN pg_try_advisory_xact_lock_shared(hashtext('pg_partman run_maintenance'));
        PERFORM pg_sleep(0.01);
    END LOOP;
    -- What ATTACH will take: one maker of partitions per table at a time, and no reader or writer waits.
    EXECUTE format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', relation);
    IF EXISTS (SELECT FROM unnest(times) t WHERE t < '0001-01-01' OR t >= '9999-01-01') THEN
        RAISE EXCEPTION 'no partition can hold a time outside the years 1 to 9998'
            USING ERRCODE = 'datetime_field_overflow';
    END IF;
    -- A load brings many times: down to one a partition, or a day, with what the server computes fastest.
    step := CASE WHEN config.period < interval '1 month' THEN config.period ELSE interval '1 day' END;
    starts := ARRAY(SELECT DISTINCT @extschema@._partition_start(t, config.period)
                    FROM (SELECT DISTINCT date_bin(step, missing, '2000-01-03 00:00+00')
                          FROM unnest(@extschema@._partition_missing(relation, times)) missing) steps (t)
                    ORDER BY 1 DESC);
    -- Whoever has filled the table with other times keeps nobody from those that maintenance would make ahead.
    wanted := cardinality(starts);
    starts := ARRAY(SELECT s FROM unnest(starts) WITH ORDINALITY u (s, place)
                    WHERE place <= least(most, in_all - (SELECT count(*) FROM pg_inherits i WHERE i.inhparent = relation))
                       OR s > now() - config.period AND s <= now() + config.premake * config.period
                    ORDER BY 1 DESC);
    IF cardinality(starts) < wanted THEN
        RAISE WARNING '% new partitions of % would be needed; the newest % are made', wanted, relation, cardinality(starts)
            USING ERRCODE = 'configuration_limit_exceeded';
    END IF;
    IF starts = '{}' THEN
        RETURN 0;
    END IF;
    IF octet_length((SELECT c.relname FROM pg_class c WHERE c.oid = relation) || '_p' || to_char(now(), config.suffix)) < 63 THEN
        before := ARRAY(SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = relation);
        PERFORM @extschema@._partman_run(format(
            'SELECT %I.create_partition_time(p_parent_table => %L, p_partition_times => %L::timestamptz[] %s)',
            partman, key, starts, CASE WHEN @extschema@._partman_major() < 5 THEN ', p_analyze => false' END));
        PERFORM @extschema@._partition_compress(relation, before);
    ELSE
        PERFORM @extschema@._partition_attach(relation, config.control, s, s + config.period, to_char(s, config.suffix), NULL)
        FROM unnest(starts) s;
    END IF;
    IF cardinality(@extschema@._partition_missing(relation, starts)) > 0 THEN
        RAISE EXCEPTION 'pg_partman made no partition of % for %', relation,
            (@extschema@._partition_missing(relation, starts))[1]
            USING ERRCODE = 'duplicate_table', HINT = 'A table that is no partition of it has the name that the partition needs.';
    END IF;
    RETURN cardinality(starts);
END
$$;
COMMENT ON FUNCTION _partition_ensure(regclass, timestamptz[], int, int) IS
    'make the partitions that hold these times where there are none yet, however old, at most so many, the newest, and so many in all; those for about now always; gives how many were made';

-- As create_partition_time() does it, for a table whose name it would cut; and for rows that are in the default partition
-- (drained), which move over first: pg_partman's partition_data_time() would insert them anew and fire the triggers of the table.
CREATE FUNCTION _partition_attach(relation regclass, control name, start timestamptz, until timestamptz, suffix text,
                                  drained regclass) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' SET DateStyle = 'ISO, YMD'
AS $$
DECLARE
    schema_name name;
    table_name  name;
    part        text;
BEGIN
    SELECT n.nspname, c.relname INTO schema_name, table_name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation;
    -- The name as pg_partman makes it, or the longest start of the table's that leaves room for a hash, cut between characters.
    SELECT name INTO part FROM (
        SELECT table_name || '_p' || suffix, length(table_name) + 1
        UNION ALL
        SELECT left(table_name, n) || '_' || left(md5(table_name), 8) || '_p' || suffix, n
        FROM generate_series(0, length(table_name)) n) names (name, rank)
    WHERE octet_length(name) <= 63 ORDER BY rank DESC LIMIT 1;
    EXECUTE format('CREATE TABLE %I.%I (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMPRESSION '
                   'INCLUDING COMMENTS INCLUDING GENERATED)', schema_name, part, relation);
    IF drained IS NOT NULL THEN
        EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', drained);
        EXECUTE format('WITH moved AS (DELETE FROM %1$s WHERE %2$I >= $1 AND %2$I < $2 RETURNING *) '
                       'INSERT INTO %3$I.%4$I SELECT * FROM moved', drained, control, schema_name, part) USING start, until;
    END IF;
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %I.%I FOR VALUES FROM (%L) TO (%L)',
                   relation, schema_name, part, start, until);
END
$$;
COMMENT ON FUNCTION _partition_attach(regclass, name, timestamptz, timestamptz, text, regclass) IS
    'make one partition, under a name that tables with long names do not share, with the rows that the default partition has for it';

CREATE FUNCTION _partition_drain(relation regclass) RETURNS int
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC'
AS $$
DECLARE
    drained regclass := (SELECT i.inhrelid FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                         WHERE i.inhparent = relation AND pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT');
    config  record;
    starts  timestamptz[];
BEGIN
    IF drained IS NULL THEN
        RETURN 0;
    END IF;
    EXECUTE format('SELECT control, partition_interval::interval AS period, datetime_string AS suffix FROM %I.part_config '
                   'WHERE parent_table = $1', @extschema@._partman_schema()) INTO config USING @extschema@._partman_key(relation);
    EXECUTE format('SELECT array_agg(DISTINCT @extschema@._partition_start(%I, $1)) FROM %s', config.control, drained)
    INTO starts USING config.period;
    PERFORM @extschema@._partition_attach(relation, config.control, s, s + config.period, to_char(s, config.suffix), drained)
    FROM unnest(starts) s;
    RETURN coalesce(cardinality(starts), 0);
END
$$;
COMMENT ON FUNCTION _partition_drain(regclass) IS
    'give the rows of the default partition, if there is one, partitions of their own; gives how many were made';

CREATE FUNCTION _partition_premake(relation regclass) RETURNS int
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC'
AS $$
DECLARE
    times timestamptz[];
BEGIN
    PERFORM @extschema@._partition_follow(relation);
    EXECUTE format('SELECT array_agg(now() + n * partition_interval::interval) '
                   'FROM %I.part_config, generate_series(0, premake) n WHERE parent_table = $1',
                   @extschema@._partman_schema()) INTO times USING @extschema@._partman_key(relation);
    RETURN @extschema@._partition_drain(relation) + @extschema@._partition_ensure(relation, coalesce(times, '{}'));
END
$$;
COMMENT ON FUNCTION _partition_premake(regclass) IS
    'make the partition for now and as many after it as part_config.premake says; gives how many were made';

CREATE FUNCTION _partition_bounds(relation regclass)
RETURNS TABLE (part regclass, lower_bound timestamptz, upper_bound timestamptz)
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD'
AS $$
    SELECT c.oid, b[1]::timestamptz, b[2]::timestamptz
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid,
         regexp_match(pg_get_expr(c.relpartbound, c.oid), '^FOR VALUES FROM \(''(.*)''\) TO \(''(.*)''\)$') b
    WHERE i.inhparent = relation AND b IS NOT NULL
$$;
COMMENT ON FUNCTION _partition_bounds(regclass) IS 'the partitions of a table that have two bounds, with them';

CREATE FUNCTION _partition_drop_config(relation regclass) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('DELETE FROM %I.part_config WHERE parent_table = $1', @extschema@._partman_schema())
    USING @extschema@._partman_key(relation);
END
$$;
COMMENT ON FUNCTION _partition_drop_config(regclass) IS 'let pg_partman forget a table; its partitions stay';
