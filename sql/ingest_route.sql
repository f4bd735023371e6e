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
DROP SCHEMA "Odd Schema";
