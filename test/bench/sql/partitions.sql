-- The stream whose partitions all others have, and what gives them to a bare table.
SELECT event_pipeline.create_stream('pattern', 'json', event_time => 'ts');
\set known :folder '/known.json'
COPY pattern_raw (payload) FROM :'known' (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');

CREATE FUNCTION partition_like(bare regclass, pattern regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    leaf record;
BEGIN
    FOR leaf IN
        SELECT row_number() OVER (ORDER BY c.relname) AS n, pg_get_expr(c.relpartbound, c.oid) AS bound
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = pattern
    LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF %s %s', bare || '_' || leaf.n, bare, leaf.bound);
    END LOOP;
END
$$;
