-- Seconds on the wall.
CREATE FUNCTION bench_clock() RETURNS numeric LANGUAGE sql VOLATILE AS $$ SELECT extract(epoch FROM clock_timestamp()) $$;
