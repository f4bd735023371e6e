-- route_by: one event table per value, made on first sight.
SET TimeZone = 'UTC';
CREATE SCHEMA "Odd Schema";
SELECT event_pipeline.create_stream('"Odd Schema"."My ""Events"', 'json', event_time => 'ts', route_by => 'kind', settings => '{"max_tables_per_hour": 3}');
INSERT INTO "Odd Schema"."My ""Events_raw" (payload) VALUES
    ('{"ts":"2024-06-01T00:00:00Z","kind":"Article Read","a":1}'), ('{"ts":"2024-06-01T00:00:00Z","kind":"articleRead","a":2}'),
    ('{"ts":"2024-06-01T00:00:00Z","kind":"click","b":"x"}'), ('{"ts":"2024-06-01T00:00:00Z","a":3}'), ('{"ts":"2024-06-01T00:00:00Z","kind":7,"a":4}');
SELECT target, column_name, column_type FROM event_pipeline.stream_columns WHERE stream LIKE '%My%' ORDER BY target::text COLLATE "C", column_name COLLATE "C";
SELECT a FROM "Odd Schema"."My ""Events_article_read" ORDER BY a;
SELECT a FROM "Odd Schema"."My ""Events";
-- more tables than an hour may bring: rejected, and the raw row stays
INSERT INTO "Odd Schema"."My ""Events_raw" (payload) VALUES ('{"ts":"2024-06-01T00:00:00Z","kind":"one too many"}');
SELECT stage, sqlstate, message, expected FROM event_pipeline.rejected WHERE stream LIKE '%My%';
SELECT event_pipeline.drop_stream('"Odd Schema"."My ""Events"');
-- values whose table would have the name of another: of the raw table, of a view, of the table of 7, of a partition to come
SELECT event_pipeline.create_stream('"Odd Schema".ev', 'json', event_time => 't', route_by => 'kind');
INSERT INTO "Odd Schema".ev_raw (payload) SELECT format('{"t":"2024-06-01T00:00:00Z","kind":%s,"a":%s}', kind, a)
FROM unnest('{"\"raw\"","\"bi\"",7,-7,"\"Raw\"","\"p2001_02_03\"","\"p20010203\"","\"step_p1\""}'::text[]) WITH ORDINALITY v(kind, a);
SELECT t.route, t.target, t.bi_view FROM event_pipeline.stream_tables t WHERE stream LIKE '%ev' ORDER BY t.route COLLATE "C";
SELECT a FROM "Odd Schema".ev_raw_ba421547 ORDER BY a;
INSERT INTO "Odd Schema".ev_raw (payload) VALUES ('{"t":"2001-02-03T00:00:00Z","a":9}');
SELECT event_time, a FROM "Odd Schema".ev;
SELECT message, expected FROM event_pipeline.rejected WHERE stream LIKE '%ev';
SELECT * FROM event_pipeline.verify('"Odd Schema".ev', NULL);
SELECT event_pipeline.drop_stream('"Odd Schema".ev');
DROP SCHEMA "Odd Schema";
