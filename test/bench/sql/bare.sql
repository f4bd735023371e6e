-- Bare tables named after :stream: a raw table with the columns, defaults and partitions of ours, a typed table with its partitions.
-- What ours have and these have not: two indexes on raw_id (a BRIN one, and one that holds nothing), and in each row of the event table its received_at, _ep_raw_id
-- and _ep_seq (20 bytes).
\set raw :stream _raw
\set typed :stream _typed
DROP TABLE IF EXISTS :"raw", :"typed";
CREATE TABLE :"raw" (LIKE pattern_raw INCLUDING IDENTITY INCLUDING DEFAULTS) PARTITION BY RANGE (received_at);
CREATE TABLE :"typed" (event_time timestamptz NOT NULL, event_type text, user_id text, session_id text, device_serial text,
                       device_model text, country text, duration_ms bigint, score double precision, ok boolean,
                       sequence bigint) PARTITION BY RANGE (event_time);
SELECT partition_like(:'raw', 'pattern_raw'), partition_like(:'typed', 'pattern');
