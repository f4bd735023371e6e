-- What the testee calls: one request of the conformance runner, answered as "kind hex".
CREATE EXTENSION IF NOT EXISTS pg_partman;
CREATE EXTENSION IF NOT EXISTS event_pipeline;
SET client_encoding = 'UTF8';
\set set `cat set.base64`
SELECT event_pipeline.register_protobuf('conformance', decode(:'set', 'base64')) AS version;

CREATE OR REPLACE FUNCTION public.conform(message_type text, is_json boolean, payload bytea, wants_json boolean, ignore_unknown boolean)
    RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, event_pipeline AS $$
DECLARE
    message bytea;
BEGIN
    BEGIN
        IF is_json THEN
            message := json_to_protobuf(message_type, convert_from(payload, 'UTF8')::json, ignore_unknown => ignore_unknown);
        ELSE
            message := _protobuf_roundtrip(message_type, payload);
        END IF;
    EXCEPTION WHEN others THEN
        RETURN 'parse_error ' || encode(convert_to(SQLERRM, 'UTF8'), 'hex');
    END;
    IF NOT wants_json THEN
        RETURN 'protobuf ' || encode(message, 'hex');
    END IF;
    -- Straight from the bytes that came, when bytes came.
    RETURN 'json ' || encode(convert_to(protobuf_to_json(message_type, CASE WHEN is_json THEN message ELSE payload END)::text, 'UTF8'), 'hex');
EXCEPTION WHEN others THEN
    RETURN 'serialize_error ' || encode(convert_to(SQLERRM, 'UTF8'), 'hex');
END $$;
COMMENT ON FUNCTION public.conform(text, boolean, bytea, boolean, boolean) IS 'one request of the protobuf conformance suite';
