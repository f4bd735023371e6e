-- What an engineer would write for a schema that never changes: a statement trigger between the bare tables hand_raw and hand_typed.
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
