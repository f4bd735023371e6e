-- lifecycle/promote.sql: rescued attributes become columns, with the values that were rescued before.
--
-- Ingest notes in _wanted what it kept in _ep_rescued. An attribute whose reason can pass (lock, busy, rate, limit; contract, once
-- that allows it) gets its column, a misfit its variant, the most wanted first, under the rules of ingest; then the values move from
-- _ep_rescued into the columns, a few hundred pages of a partition in a transaction. A value that no column would have taken stays
-- rescued; a row is written only when something moves. Interrupted anywhere, the next run begins again and finds less to do.
--
-- No row is missed: who adds a column holds ACCESS EXCLUSIVE, so every statement that rescued for want of it has ended by
-- then, with its rows in _wanted, and every later one fills the column. So what a transaction after that reads in
-- _wanted is all there will be of that type, and it is deleted when all of it was looked at.

CREATE FUNCTION _rescued_value(rescued jsonb, paths text[], format text, infer_timestamps boolean, types regtype[], column_value anyelement) RETURNS anyelement
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ep_rescued_value';
COMMENT ON FUNCTION _rescued_value(jsonb, text[], text, boolean, regtype[], anyelement) IS
    'the value of the first of these paths that was rescued for a reason that passes and is exactly of one of the types, that of the last argument';

CREATE FUNCTION _rescued_place(rescued jsonb, paths text[], format text, infer_timestamps boolean, types regtype[]) RETURNS int
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ep_rescued_place';
COMMENT ON FUNCTION _rescued_place(jsonb, text[], text, boolean, regtype[]) IS 'the place among the types of the value that _rescued_value() gives, from 1';

CREATE FUNCTION _rescued_path(rescued jsonb, paths text[], format text, infer_timestamps boolean, types regtype[]) RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ep_rescued_path';
COMMENT ON FUNCTION _rescued_path(jsonb, text[], text, boolean, regtype[]) IS 'the path of that value';

CREATE FUNCTION _rescued_is_whole(rescued jsonb, paths text[], format text, infer_timestamps boolean, types regtype[]) RETURNS boolean
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ep_rescued_is_whole';
COMMENT ON FUNCTION _rescued_is_whole(jsonb, text[], text, boolean, regtype[]) IS 'whether that value comes through its column whole: not with nanoseconds';

CREATE FUNCTION _rescued_is_partial(rescued jsonb, paths text[], format text, infer_timestamps boolean, types regtype[]) RETURNS boolean
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ep_rescued_is_partial';
COMMENT ON FUNCTION _rescued_is_partial(jsonb, text[], text, boolean, regtype[]) IS 'is that value one that is to take the place of what its column has?';

CREATE FUNCTION _promote_columns(event_table regclass, target_id int, paths text[], types oid[], misfits int[], counts bigint[]) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'ep_promote_columns';
COMMENT ON FUNCTION _promote_columns(regclass, int, text[], oid[], int[], bigint[]) IS
    'add the columns and variants that values of attributes of a stream of the caller lack, the most frequent first, within the caps of the stream';

CREATE FUNCTION _promoted(event_table regclass, target_id int, paths text[], types oid[], misfits int[],
                          OUT path text, OUT column_type regtype, OUT misfits int, OUT columns name[], OUT types regtype[]) RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'ep_promoted';
COMMENT ON FUNCTION _promoted(regclass, int, text[], oid[], int[]) IS
    'those of these values that have columns by now, the attribute''s own and its variants';

CREATE VIEW _promotable AS
SELECT w.* FROM _wanted w WHERE w.reason IN ('lock', 'busy', 'rate', 'limit', 'contract', 'unknown', 'partial') AND w.column_type IS NOT NULL;
COMMENT ON VIEW _promotable IS 'what was rescued for a reason that can pass, and has a type';

CREATE FUNCTION _promote_targets() RETURNS TABLE (target_id int, name text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.target_id, t.relation::text
    FROM @extschema@._promotable w JOIN @extschema@._target t USING (target_id)
    JOIN pg_class c ON c.oid = t.relation JOIN @extschema@._stream s USING (stream_id) JOIN pg_class e ON e.oid = s.event_table
    GROUP BY t.target_id ORDER BY sum(w.value_count) DESC, t.target_id
$$;
COMMENT ON FUNCTION _promote_targets() IS 'the event tables with rescued attributes that can become columns, the most wanted first';

CREATE FUNCTION _promote_add(target_id int) RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    WITH wish AS (
        SELECT w.path, w.column_type, w.misfits, sum(sum(w.value_count)) OVER (PARTITION BY w.path) AS votes, sum(w.value_count) AS own
        FROM @extschema@._promotable w WHERE w.target_id = $1 GROUP BY w.path, w.column_type, w.misfits)
    SELECT @extschema@._promote_columns(s.event_table, $1, w.paths, w.types, w.misfits, w.counts)
    FROM (SELECT array_agg(path), array_agg(column_type::oid), array_agg(misfits), array_agg(own::bigint)
          FROM (SELECT * FROM wish ORDER BY votes DESC, path, own DESC, column_type, misfits) ordered) w (paths, types, misfits, counts),
         @extschema@._target t JOIN @extschema@._stream s USING (stream_id)
    WHERE t.target_id = $1
$$;
COMMENT ON FUNCTION _promote_add(int) IS 'make columns for the rescued attributes of an event table that can have one';

-- Rescued values that have a column; columns[1] is the attribute's own.
CREATE FUNCTION _promote_held(target_id int) RETURNS TABLE (path text, column_type regtype, misfits int, columns name[], types regtype[], first_event timestamptz,
                                               last_event timestamptz)
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    WITH wish AS (
        SELECT w.path, w.column_type, w.misfits, min(w.first_event) AS earliest, max(w.last_event) AS latest
        FROM @extschema@._promotable w WHERE w.target_id = $1 GROUP BY w.path, w.column_type, w.misfits)
    SELECT p.path, p.column_type, p.misfits, p.columns, p.types, wish.earliest, wish.latest
    FROM (SELECT array_agg(path), array_agg(column_type::oid), array_agg(misfits) FROM wish) w (paths, types, misfits),
         @extschema@._target t JOIN @extschema@._stream s USING (stream_id),
         @extschema@._promoted(s.event_table, t.target_id, w.paths, w.types, w.misfits) p JOIN wish USING (path, column_type, misfits)
    WHERE t.target_id = $1
$$;
COMMENT ON FUNCTION _promote_held(int) IS 'which rescued values of an event table have columns by now';

-- Several spellings may share the columns of an attribute.
CREATE FUNCTION _promote_moves(target_id int) RETURNS TABLE (columns name[], types regtype[], paths text[])
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT h.columns, h.types, array_agg(DISTINCT h.path ORDER BY h.path) FROM @extschema@._promote_held($1) h GROUP BY h.columns, h.types $$;
COMMENT ON FUNCTION _promote_moves(int) IS 'which rescued paths of an event table go to which columns';

CREATE FUNCTION _promote_ranges(target_id int, earliest timestamptz, latest timestamptz) RETURNS TABLE (part regclass, first_page bigint, pages int)
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.relid, page, 200
    FROM @extschema@._target t, pg_partition_tree(t.relation) p LEFT JOIN @extschema@._partition_bounds(t.relation) b ON b.part = p.relid,
         generate_series(0, pg_relation_size(p.relid) / current_setting('block_size')::int - 1, 200) page
    WHERE t.target_id = $1 AND p.isleaf AND (b.part IS NULL OR b.lower_bound <= latest AND b.upper_bound > earliest)
    ORDER BY p.relid, page
$$;
COMMENT ON FUNCTION _promote_ranges(int, timestamptz, timestamptz) IS 'where the rows of an event table of some time are: pages of partitions, in pieces for a transaction each';

-- Where a row is, as a number, so that a range can be halved: 2048 are more than a page of any size has.
CREATE FUNCTION _promote_place(page bigint, item int DEFAULT 0) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT page * 2048 + item $$;
COMMENT ON FUNCTION _promote_place(bigint, int) IS 'the place of a row in a table as a number';

CREATE FUNCTION _promote_tid(place bigint) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT format('(%s,%s)', place / 2048, place % 2048) $$;
COMMENT ON FUNCTION _promote_tid(bigint) IS 'such a place as the server has it';

-- The statement that moves values within a range of places, as the owner of the table will run it. A row gets one value of an
-- attribute, into the first column that takes one, if none of the attribute's columns has one. A partial value takes the place of the
-- one there, which is what an earlier schema could read of the same. A time with nanoseconds stays rescued, too, as ingest would have kept it.
CREATE FUNCTION _promote_statement(target_id int, part regclass, first_place bigint, end_place bigint) RETURNS text
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    WITH move AS (
        SELECT m.*, q.question, p.partial,
               (SELECT format('(%s OR %s)', string_agg(format('t.%I IS NULL', c), ' AND '), p.partial) FROM unnest(m.columns) c) AS free
        FROM @extschema@._target t JOIN @extschema@._stream s USING (stream_id) CROSS JOIN LATERAL @extschema@._promote_moves($1) m
        CROSS JOIN LATERAL format('t._ep_rescued, %L, %L, %L, %L::pg_catalog.regtype[]', m.paths, s.format,
                                  coalesce(s.settings ->> 'infer_timestamps', 'false') = 'true', m.types) q (question)
        CROSS JOIN LATERAL format('@extschema@._rescued_is_partial(%s)', q.question) p (partial)
        WHERE t.target_id = $1)
    SELECT format(
        'WITH moved AS (UPDATE ONLY %s t SET %s, _ep_rescued = nullif(t._ep_rescued - array_remove(ARRAY[%s], NULL)%s, ''{}'') '
        'WHERE t.ctid >= %L AND t.ctid < %L AND t._ep_rescued ?| %L AND (%s) RETURNING t.event_time) '
        'SELECT array_agg(DISTINCT date_bin(''15 minutes'', m.event_time, ''2000-01-01 00:00+00'')) FROM moved m',
        part,
        string_agg((SELECT string_agg(format('%1$I = CASE WHEN %2$s AND @extschema@._rescued_place(%3$s) = %4$s '
                                             'THEN @extschema@._rescued_value(%3$s, t.%1$I) WHEN %5$s THEN NULL ELSE t.%1$I END',
                                             c, m.free, m.question, place, m.partial), ', ')
                    FROM unnest(m.columns) WITH ORDINALITY u (c, place)), ', '),
        string_agg(format('CASE WHEN %s THEN @extschema@._rescued_path(%s) END', m.free, m.question), ', '),
        coalesce(string_agg(format(' || CASE WHEN %1$s AND NOT @extschema@._rescued_is_whole(%2$s) THEN jsonb_build_object(@extschema@._rescued_path(%2$s), '
                                   '(t._ep_rescued -> @extschema@._rescued_path(%2$s)) || ''{"why": "type"}'') ELSE ''{}'' END', m.free, m.question), '')
                 FILTER (WHERE m.types && '{timestamptz,interval}'), ''),
        @extschema@._promote_tid(first_place), @extschema@._promote_tid(end_place),
        (SELECT array_agg(path) FROM move a, unnest(a.paths) path),
        string_agg(format('%s AND @extschema@._rescued_place(%s) IS NOT NULL', m.free, m.question), ' OR '))
    FROM move m HAVING count(*) > 0
$$;
COMMENT ON FUNCTION _promote_statement(int, regclass, bigint, bigint) IS
    'the statement that moves rescued values of some rows into their columns and gives the quarter hours it touched';

-- What a constraint or trigger of a user's refuses stays as it is, alone.
CREATE FUNCTION _promote_move(target_id int, part regclass, first_place bigint, end_place bigint) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD'
AS $$
DECLARE
    statement text := @extschema@._promote_statement($1, $2, $3, $4);
    owner     oid := (SELECT c.relowner FROM pg_class c WHERE c.oid = part);
    half      bigint := (first_place + end_place) / 2;
    touched   timestamptz[];
BEGIN
    IF statement IS NOT NULL THEN
        BEGIN
            touched := @extschema@._rollup_run_as(owner, '', 'UTC', statement, NULL, NULL)::timestamptz[];
        EXCEPTION WHEN integrity_constraint_violation OR data_exception OR raise_exception THEN
            IF half = first_place THEN
                RAISE WARNING 'rescued values of row % of % were not moved: %', @extschema@._promote_tid(first_place), part, sqlerrm;
                RETURN;
            END IF;
            PERFORM @extschema@._promote_move($1, $2, first_place, half), @extschema@._promote_move($1, $2, half, end_place);
        END;
        INSERT INTO @extschema@._invalidation (target_id, granule)
        SELECT t.target_id, granule FROM @extschema@._target t, unnest(touched) granule WHERE t.target_id = $1 AND t.tracked;
    END IF;
END
$$;
COMMENT ON FUNCTION _promote_move(int, regclass, bigint, bigint) IS 'move the rescued values of some rows into their columns, and have rollups look at them again';

CREATE FUNCTION _promote_forget(target_id int, paths text[], types oid[], misfits int[]) RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM @extschema@._wanted w USING unnest($2, $3, $4) AS held (path, type, misfits)
    WHERE w.target_id = $1 AND w.path = held.path AND w.column_type::oid = held.type AND w.misfits = held.misfits
    AND w.reason IN (SELECT p.reason FROM @extschema@._promotable p)
$$;
COMMENT ON FUNCTION _promote_forget(int, text[], oid[], int[]) IS 'forget what was wanted and has moved';

-- Nobody promotes what nobody can name: the most wanted 10,000 of each table stay.
CREATE FUNCTION _maintenance_fold_wanted() RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    WITH gone AS (
        DELETE FROM @extschema@._wanted w USING (
            SELECT a.target_id FROM @extschema@._wanted a GROUP BY a.target_id
            HAVING count(*) > count(DISTINCT (a.path, a.reason, a.column_type::oid, a.misfits)) OR count(*) > 10000) many
        WHERE w.target_id = many.target_id RETURNING w.*)
    INSERT INTO @extschema@._wanted
    SELECT f.target_id, f.path, f.reason, f.column_type, f.misfits, f.value_count, f.first_event, f.last_event
    FROM (SELECT g.target_id, g.path, g.reason, g.column_type, g.misfits, sum(g.value_count) AS value_count, min(g.first_event) AS first_event,
                 max(g.last_event) AS last_event, row_number() OVER (PARTITION BY g.target_id ORDER BY sum(g.value_count) DESC) AS place
          FROM gone g GROUP BY g.target_id, g.path, g.reason, g.column_type, g.misfits) f
    JOIN @extschema@._target t USING (target_id) WHERE f.place <= 10000;
$$;
COMMENT ON FUNCTION _maintenance_fold_wanted() IS 'sum what statements rescued by event table, path, reason and type';

CREATE PROCEDURE _maintenance_promote()
LANGUAGE plpgsql
AS $$
DECLARE
    t record;
    r record;
    held record;
    whole boolean;
BEGIN
    PERFORM @extschema@._maintenance_step('fold', 'wanted columns', 'SELECT @extschema@._maintenance_fold_wanted()');
    COMMIT;
    FOR t IN SELECT * FROM @extschema@._promote_targets() LOOP
        PERFORM @extschema@._maintenance_step('promote', t.name, pg_catalog.format('SELECT @extschema@._promote_add(%s)', t.target_id),
                                              '100 milliseconds');
        COMMIT;
        -- Those that have a column before the search for their values begins.
        SELECT pg_catalog.array_agg(h.path) AS paths, pg_catalog.array_agg(h.column_type::pg_catalog.oid) AS types, pg_catalog.array_agg(h.misfits) AS misfits,
            pg_catalog.min(h.first_event) AS earliest, pg_catalog.max(h.last_event) AS latest
        INTO held FROM @extschema@._promote_held(t.target_id) h;
        CONTINUE WHEN held.paths IS NULL;
        COMMIT;
        whole := true;
        FOR r IN SELECT * FROM @extschema@._promote_ranges(t.target_id, held.earliest, held.latest) LOOP
            whole := @extschema@._maintenance_step('backfill', t.name, pg_catalog.format(
                'SELECT @extschema@._promote_move(%s, %s, @extschema@._promote_place(%s), @extschema@._promote_place(%s))', t.target_id,
                r.part::pg_catalog.oid, r.first_page, r.first_page OPERATOR(pg_catalog.+) r.pages),
                '1 second');
            COMMIT;
            EXIT WHEN NOT whole;
        END LOOP;
        CONTINUE WHEN NOT whole;
        PERFORM @extschema@._maintenance_step('backfill', t.name, pg_catalog.format(
            'SELECT @extschema@._promote_forget(%s, %L, %L, %L)', t.target_id, held.paths, held.types, held.misfits));
        COMMIT;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE _maintenance_promote() IS 'make columns of rescued attributes and fill them, in small transactions';

REVOKE ALL ON FUNCTION _promote_columns(regclass, int, text[], oid[], int[], bigint[]), _promoted(regclass, int, text[], oid[], int[]),
    _promote_targets(), _promote_add(int), _promote_held(int), _promote_moves(int), _promote_ranges(int, timestamptz, timestamptz), _promote_place(bigint, int), _promote_tid(bigint),
    _promote_statement(int, regclass, bigint, bigint), _promote_move(int, regclass, bigint, bigint), _promote_forget(int, text[], oid[], int[]), _maintenance_fold_wanted() FROM PUBLIC;
REVOKE ALL ON PROCEDURE _maintenance_promote() FROM PUBLIC;
