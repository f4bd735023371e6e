\echo
\echo '== 7. Maintenance, every minute by pg_cron'
\echo
SELECT current_setting('cron.database_name', true) IS NOT NULL AS cron \gset
\set ECHO queries
\if :cron
CREATE EXTENSION pg_cron;
SELECT schedule();
\endif
CALL event_pipeline.run_maintenance();
SELECT rollup, buckets, dirty, last_error FROM rollup_status;
\set ECHO none
\echo
\echo '== What was done'
\echo
\set ECHO queries
SELECT stream, format, raw_rows, bytes, events, typed, rejected, duplicates, rescued FROM stream_stats ORDER BY stream;
\set ECHO none
