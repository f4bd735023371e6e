-- A stream of the messages, whose columns are known and whose tables are empty.
SELECT event_pipeline.drop_stream('taken') WHERE to_regclass('taken') IS NOT NULL;
SELECT event_pipeline.create_stream('taken', 'protobuf', 'gopro.events.v1.Event', event_time => 'occurred_at', framing => 'none');
INSERT INTO taken_raw (payload) SELECT payload FROM messages LIMIT 1000;
