\echo
\echo '== 5. Rollups: recomputed where events changed, and only there'
\echo
\set ECHO queries
SELECT create_stream('article_reads', 'json', event_time => 'at');
INSERT INTO article_reads_raw (payload)
SELECT json_build_object('at', timestamptz '2026-03-01 00:00Z' + n * interval '7 minutes', 'reader', n * n % 97, 'article', 'a' || n % 5, 'seconds', n * 37 % 300 + 0.5)
FROM generate_series(1, 1000) n;
SELECT create_rollup('article_reads_daily', 'article_reads', $$
    SELECT article, count(*) AS reads, count(DISTINCT reader) AS readers,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS p50_seconds,
           percentile_cont(0.9) WITHIN GROUP (ORDER BY seconds) AS p90_seconds,
           percentile_cont(0.99) WITHIN GROUP (ORDER BY seconds) AS p99_seconds
    FROM article_reads WHERE event_time >= $1 AND event_time < $2 GROUP BY article $$, bucket => '1 day');
SELECT refresh_rollup('article_reads_daily') AS buckets;
SELECT * FROM article_reads_daily WHERE article = 'a1' ORDER BY bucket LIMIT 3;
\set ECHO none
\echo 'A late event dirties one day of five; verify_rollup() finds nothing that differs from a recomputation:'
\echo
\set ECHO queries
INSERT INTO article_reads_raw (payload) VALUES ('{"at": "2026-03-02T12:00:00Z", "reader": 1000, "article": "a1", "seconds": 12.5}');
SELECT refresh_rollup('article_reads_daily') AS buckets;
SELECT * FROM article_reads_daily WHERE article = 'a1' AND bucket = '2026-03-02';
SELECT count(*) AS differences FROM verify_rollup('article_reads_daily');
\set ECHO none
\echo 'A bucket can be a local day, and a query anything that is a pure function of its events:'
\echo
\set ECHO queries
SELECT create_stream('camera_connects', 'json', event_time => 'at');
INSERT INTO camera_connects_raw (payload)
SELECT json_build_object('at', timestamptz '2026-03-28 00:00Z' + n * interval '31 minutes', 'camera', json_build_object('serial', 'C' || n % 40,
           'model', (ARRAY['HERO12 Black', 'HERO13 Black', 'MAX2'])[n % 3 + 1]), 'country', (ARRAY['CZ', 'US'])[n % 2 + 1])
FROM generate_series(1, 200) n;
SELECT create_rollup('camera_connects_daily', 'camera_connects', $$
    SELECT country, camera_model AS model, count(*) AS connects, count(DISTINCT camera_serial) AS cameras
    FROM camera_connects WHERE event_time >= $1 AND event_time < $2 GROUP BY country, camera_model $$,
    bucket => '1 day', time_zone => 'Europe/Prague');
SELECT refresh_rollup('camera_connects_daily') AS buckets;
SELECT bucket, country, sum(connects) AS connects FROM camera_connects_daily GROUP BY bucket, country ORDER BY bucket, country LIMIT 4;
\set ECHO none
