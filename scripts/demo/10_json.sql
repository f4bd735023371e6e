\echo
\echo One flow of events, spelled by three teams in three ways.
\echo
SELECT extname, extversion FROM pg_extension ORDER BY 1;
