-- The messages of events.binpb, each with its length before it, over and over up to :events; the same as jsonb in docs.
SELECT event_pipeline.register_protobuf('messages', pg_read_binary_file(:'folder' || '/events.pb'));

CREATE FUNCTION read_messages(data bytea) RETURNS SETOF bytea LANGUAGE plpgsql AS $$
DECLARE
    at int := 0;
    size int;
    shift int;
    byte int;
BEGIN
    WHILE at < length(data) LOOP
        size := 0;
        shift := 0;
        LOOP
            byte := get_byte(data, at);
            at := at + 1;
            size := size + ((byte & 127) << shift);
            shift := shift + 7;
            EXIT WHEN byte < 128;
        END LOOP;
        RETURN NEXT substr(data, at + 1, size);
        at := at + size;
    END LOOP;
END $$;

CREATE TABLE messages AS
    WITH once AS MATERIALIZED (SELECT payload FROM read_messages(pg_read_binary_file(:'folder' || '/events.binpb')) payload)
    SELECT payload FROM generate_series(1, 1 + :events / (SELECT count(*) FROM once)), once LIMIT :events;
CREATE TABLE docs AS SELECT event_pipeline.protobuf_to_jsonb('gopro.events.v1.Event', payload) AS doc FROM messages;
VACUUM ANALYZE messages, docs;
