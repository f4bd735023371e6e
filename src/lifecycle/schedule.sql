-- lifecycle/schedule.sql: run_maintenance() under pg_cron, which is looked up at run time and not required.

CREATE FUNCTION _schedule_check(elsewhere text) RETURNS void
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    home text := current_setting('cron.database_name', true);
BEGIN
    IF EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
        RETURN;
    ELSIF home IS NULL THEN
        RAISE EXCEPTION 'pg_cron is not running' USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = format('Put pg_cron into shared_preload_libraries and set cron.database_name = %L, restart, CREATE EXTENSION pg_cron. '
                          'Or have anything else CALL @extschema@.run_maintenance() every minute.', current_database());
    ELSIF home = current_database() THEN
        RAISE EXCEPTION 'extension "pg_cron" is not installed' USING ERRCODE = 'undefined_object',
            HINT = 'CREATE EXTENSION pg_cron;';
    END IF;
    RAISE EXCEPTION 'pg_cron runs in database "%", not in this one', home USING ERRCODE = 'object_not_in_prerequisite_state',
        HINT = format('In database %s: SELECT %s;', quote_ident(home), elsewhere);
END
$$;
COMMENT ON FUNCTION _schedule_check(text) IS
    'raise an error that says what to do unless pg_cron can be used from this database: elsewhere is the call that does it in the database of pg_cron';

CREATE FUNCTION _schedule_name() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT 'event_pipeline maintenance of ' || current_database() $$;
COMMENT ON FUNCTION _schedule_name() IS 'the name of our job in cron.job';

CREATE FUNCTION schedule(cron text DEFAULT '* * * * *') RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := @extschema@._schedule_name();
    task text := 'CALL @extschema@.run_maintenance()';
    job  bigint;
BEGIN
    IF cron IS NULL THEN
        RAISE EXCEPTION 'cron must not be null' USING ERRCODE = 'null_value_not_allowed',
            HINT = 'To end the schedule: SELECT @extschema@.unschedule();';
    END IF;
    PERFORM @extschema@._schedule_check(format('cron.schedule_in_database(%L, %L, %L, %L)', name, cron, task, current_database()));
    EXECUTE 'SELECT cron.schedule($1, $2, $3)' INTO job USING name, cron, task;
    RETURN job;
END
$$;
COMMENT ON FUNCTION schedule(text) IS
    'have pg_cron call run_maintenance() at these times (GMT), every minute unless said otherwise; gives the number of the job. Calling it again changes the times';

CREATE FUNCTION unschedule() RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := @extschema@._schedule_name();
    jobs bigint[];
BEGIN
    PERFORM @extschema@._schedule_check(format('cron.unschedule(%L)', name));
    EXECUTE 'SELECT array_agg(j.jobid) FROM cron.job j WHERE j.jobname = $1' INTO jobs USING name;
    EXECUTE 'SELECT count(cron.unschedule(j)) FROM unnest($1) j' USING jobs;
    RETURN jobs IS NOT NULL;
END
$$;
COMMENT ON FUNCTION unschedule() IS 'take run_maintenance() out of pg_cron; true when it was there';

REVOKE ALL ON FUNCTION schedule(text), unschedule() FROM PUBLIC;
