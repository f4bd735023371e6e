-- A log as a value, and a stream of logs that has met every FourCC: its tables are there.
CREATE TABLE gpmf_log (log event_pipeline.gpmf);
ALTER TABLE gpmf_log ALTER log SET STORAGE external;
INSERT INTO gpmf_log SELECT pg_read_binary_file(:'log')::event_pipeline.gpmf;
SELECT event_pipeline.create_stream('camera', 'gpmf');
INSERT INTO camera_raw (payload) SELECT log::bytea FROM gpmf_log;
