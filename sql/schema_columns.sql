-- Columns that people declare beforehand are adopted when values come through them whole.
CREATE SCHEMA schema_columns;
SET search_path = schema_columns, event_pipeline;
SET TimeZone = 'UTC';
SELECT create_stream('app', 'json');
-- a modifier would cut values, a generated column takes none
ALTER TABLE app ADD COLUMN price numeric(4, 1), ADD COLUMN twice bigint GENERATED ALWAYS AS (2) STORED, ADD COLUMN seen bigint;
INSERT INTO app_raw (payload) VALUES ('{"price": 1.25, "twice": 7, "seen": 1}');
SELECT price, price_0b44452a, twice, twice_b4a7d5f3, seen, _ep_rescued FROM app;
SELECT path, column_name, column_type FROM stream_columns WHERE stream = 'app' ORDER BY path;
-- what misfits a column that is adopted just now has its variant at once
ALTER TABLE app ADD COLUMN at timestamptz, ADD COLUMN small int, ADD COLUMN label text;
INSERT INTO app_raw (payload) VALUES ('{"at": "2026-03-01T00:00:00Z", "small": 30000000000, "label": 7, "seen": 9}');
SELECT at, at__text, small, small__bigint, label, label__bigint, _ep_rescued FROM app WHERE seen = 9;
-- a modifier that comes later is no better
DROP VIEW app_bi;
ALTER TABLE app ALTER COLUMN price_0b44452a TYPE numeric(4, 1);
INSERT INTO app_raw (payload) VALUES ('{"price": 2.25, "seen": 2}');
SELECT price_0b44452a, _ep_rescued FROM app WHERE seen = 2;
-- settings that cannot be are refused when they are set, not by every insert
SELECT alter_stream('app', settings => '{"max_new_columns": 2000000000}');
SELECT alter_stream('app', settings => '{"max_columns": -1}');
SELECT alter_stream('app', settings => '{"future_window": "20000 years"}');
SELECT alter_stream('app', settings => '{"max_new_columns": 1500, "max_columns": 1500, "future_window": "9000 years"}');
INSERT INTO app_raw (payload) VALUES ('{"seen": 3, "late": true}');
SELECT late FROM app WHERE seen = 3;
-- a sender that spells a name in every way it can fills no registry: the values go to their column all the same
INSERT INTO app_raw (payload) VALUES ('{"seen": 3, "abcdefg": 3}');
INSERT INTO app_raw (payload)
SELECT format('{"seen": %s, "%s": %s}', n, translate('abcdefg', left('abcdefg', n % 8), upper(left('abcdefg', n % 8))) || repeat('_', n / 8), n)
FROM generate_series(4, 100) n;
SELECT count(*) FROM stream_columns WHERE stream = 'app' AND column_name = 'abcdefg';
SELECT count(*) FROM app WHERE abcdefg = seen;
-- a sender that takes the first names of the series for a name that is too long has its attribute under the next one
SELECT repeat('a', 70) AS long \gset
INSERT INTO app_raw (payload) SELECT format('{"%s_5904740b": 1, "%s_2fcfdb25": 2}', a, a) FROM repeat('a', 54) a;
INSERT INTO app_raw (payload) SELECT format('{"seen": 200, "%s": 3}', repeat('a', 70));
SELECT column_name FROM stream_columns WHERE stream = 'app' AND path = :'long';
SELECT path = :'long' AS long, count(*) FROM stream_columns WHERE stream = 'app' AND path ~ '^a{54}' GROUP BY 1 ORDER BY 1;
SELECT drop_stream('app');
DROP SCHEMA schema_columns CASCADE;
