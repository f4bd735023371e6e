-- A stream whose event table has 390 other columns before those of the events: every row reaches to the last ones.
SELECT event_pipeline.drop_stream('wide') WHERE to_regclass('wide') IS NOT NULL;
SELECT event_pipeline.create_stream('wide', 'json', event_time => 'ts',
                                    settings => '{"max_columns": 500, "max_new_columns": 390}');
INSERT INTO wide_raw (payload)
SELECT format('{"ts":"2024-06-01T00:00:00Z",%s}', string_agg(format('"other_%s":%s', n, n), ','))
FROM generate_series(1, 390) n;
\set known :folder '/known.json'
COPY wide_raw (payload) FROM :'known' (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
