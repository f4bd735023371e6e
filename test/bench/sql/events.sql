-- Events of about 260 bytes and 11 attributes over three days, as NDJSON and as the CSV of the same values.
CREATE TABLE source AS
SELECT i,
       timestamptz '2024-06-01 00:00Z' + i * (interval '3 days' / :events) AS ts,
       (ARRAY['click', 'read', 'connect', 'upload', 'share'])[1 + i % 5] AS event_type,
       'u' || (i * 7919) % 50000 AS user_id,
       's' || md5((i / 20)::text) AS session_id,
       'C34' || lpad(((i * 104729) % 100000)::text, 10, '0') AS device_serial,
       (ARRAY['HERO12 Black', 'HERO13 Black', 'MAX'])[1 + i % 3] AS device_model,
       (ARRAY['DE', 'US', 'FR', 'JP', 'BR'])[1 + (i / 3) % 5] AS country,
       (i * 31) % 900 AS duration_ms,
       round(((i * 17) % 10000) / 100.0, 2)::float8 + 0.25 AS score,
       i % 3 = 0 AS ok,
       i AS sequence
FROM generate_series(1::bigint, :events) i;

\set json :folder '/events.json'
\set csv :folder '/events.csv'
COPY (SELECT format('{"ts":"%s","event_type":"%s","user_id":"%s","session_id":"%s","device":{"serial":"%s","model":"%s"},"country":"%s","duration_ms":%s,"score":%s,"ok":%s,"sequence":%s}',
    to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), event_type, user_id, session_id, device_serial, device_model,
    country, duration_ms, score, CASE WHEN ok THEN 'true' ELSE 'false' END, sequence) FROM source ORDER BY i)
    TO :'json' (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
COPY (SELECT ts, event_type, user_id, session_id, device_serial, device_model, country, duration_ms, score, ok, sequence
      FROM source ORDER BY i) TO :'csv' (FORMAT csv);
DROP TABLE source;
CREATE EXTENSION event_pipeline CASCADE;
