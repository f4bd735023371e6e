-- A stream of JSON, named by :stream, whose columns and partitions are known.
SELECT event_pipeline.drop_stream(:'stream') WHERE to_regclass(:'stream') IS NOT NULL;
SELECT event_pipeline.create_stream(:'stream', 'json', event_time => 'ts');
\set raw :stream _raw
\set known :folder '/known.json'
COPY :"raw" (payload) FROM :'known' (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
