-- A stream with a target of 100 leaves, by events of as many days, as far as it has no leaves yet; anew, when it exists.
SELECT event_pipeline.drop_stream(stream) FROM event_pipeline.streams WHERE stream = 'leaves';
SELECT event_pipeline.create_stream('leaves', 'json', event_time => 'ts');
INSERT INTO leaves_raw (payload)
SELECT format('{"ts":"%s","user_id":"u1","sequence":%s}', timestamptz '2024-06-01 12:00Z' + n * interval '1 day', n)
FROM generate_series(1, 100 - (SELECT count(*) FROM pg_inherits WHERE inhparent = 'leaves'::regclass)) n;
SELECT 1 / (count(*) = 100)::int FROM pg_inherits WHERE inhparent = 'leaves'::regclass;
