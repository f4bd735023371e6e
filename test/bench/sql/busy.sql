-- A stream with some events, to be read while it grows.
SELECT event_pipeline.create_stream('busy', 'json', event_time => 'ts', settings => '{"max_columns": 1400}');
INSERT INTO busy_raw (payload)
SELECT format('{"ts":"%s","user_id":"u%s","sequence":%s}', timestamptz '2024-06-01Z' + n * interval '1 minute', n % 100, n)
FROM generate_series(1, 4000) n;
ANALYZE busy;
