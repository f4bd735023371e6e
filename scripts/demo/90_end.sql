\echo
\echo '== What was done'
\echo
\set ECHO queries
SELECT * FROM stream_stats;
\set ECHO none
