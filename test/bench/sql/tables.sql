-- Fresh tables for one round.
SET client_min_messages = warning;
DROP TABLE IF EXISTS floor_raw, floor_typed, hand_raw, hand_typed CASCADE;
SELECT event_pipeline.drop_stream('events') WHERE to_regclass('events') IS NOT NULL;

CREATE TABLE floor_raw (raw_id bigint GENERATED ALWAYS AS IDENTITY, received_at timestamptz NOT NULL DEFAULT now(),
                        source text, payload text) PARTITION BY RANGE (received_at);
CREATE TABLE floor_typed (event_time timestamptz NOT NULL, event_type text, user_id text, session_id text, device_serial text,
                          device_model text, country text, duration_ms bigint, score double precision, ok boolean,
                          sequence bigint) PARTITION BY RANGE (event_time);
CREATE TABLE hand_raw (LIKE floor_raw INCLUDING IDENTITY INCLUDING DEFAULTS) PARTITION BY RANGE (received_at);
CREATE TABLE hand_typed (LIKE floor_typed) PARTITION BY RANGE (event_time);
SELECT format('CREATE TABLE %1$s_%2$s PARTITION OF %1$s FOR VALUES FROM (%3$L) TO (%4$L)', t, d,
              timestamptz '2024-06-01 00:00Z' + d * interval '1 day', timestamptz '2024-06-02 00:00Z' + d * interval '1 day')
FROM unnest('{floor_typed,hand_typed}'::text[]) t, generate_series(0, 3) d \gexec
SELECT format('CREATE TABLE %1$s_%2$s PARTITION OF %1$s FOR VALUES FROM (%3$L) TO (%4$L)', t, d,
              date_trunc('day', now()) + d * interval '1 day', date_trunc('day', now()) + (d + 1) * interval '1 day')
FROM unnest('{floor_raw,hand_raw}'::text[]) t, generate_series(0, 2) d \gexec

CREATE OR REPLACE FUNCTION by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO hand_typed
    SELECT e.ts, e.event_type, e.user_id, e.session_id, e.device->>'serial', e.device->>'model', e.country, e.duration_ms,
           e.score, e.ok, e.sequence
    FROM new_rows n, jsonb_to_record(n.payload::jsonb) e(ts timestamptz, event_type text, user_id text, session_id text,
         device jsonb, country text, duration_ms bigint, score double precision, ok boolean, sequence bigint);
    RETURN NULL;
END
$$;
CREATE TRIGGER by_hand AFTER INSERT ON hand_raw REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION by_hand();

SELECT event_pipeline.create_stream('events', 'json', event_time => 'ts');
INSERT INTO events_raw (payload) VALUES ('{"ts":"2024-06-01T00:00:00.000Z","event_type":"x","user_id":"x","session_id":"x","device":{"serial":"x","model":"x"},"country":"x","duration_ms":1,"score":1.5,"ok":true,"sequence":0}');
