-- A stream of protobuf, named by :stream, whose columns and partitions are known.  A payload is one message, or with
-- :framing 'any' what it looks like.
\if :{?framing} \else \set framing none \endif
SELECT event_pipeline.drop_stream(:'stream') WHERE to_regclass(:'stream') IS NOT NULL;
SELECT event_pipeline.create_stream(:'stream', 'protobuf', 'bench.Event', event_time => 'ts', framing => nullif(:'framing', 'any'));
\set raw :stream _raw
\set known :folder '/known.pgcopy'
COPY :"raw" (payload) FROM :'known' (FORMAT binary);
