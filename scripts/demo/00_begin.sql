-- How the story looks on the screen, and the files that it reads, as rows of a temporary table.
\set QUIET on
\pset pager off
\pset footer off
\pset null '-'
\pset border 1
SET client_min_messages = warning;
SET search_path = public, event_pipeline;
SET timezone = 'UTC';

CREATE TEMPORARY TABLE files (name text PRIMARY KEY, bytes bytea NOT NULL);
\set bytes `base64 -w0 test/data/protobuf/events.pb`
INSERT INTO files VALUES ('events.pb', decode(:'bytes', 'base64'));
\set bytes `base64 -w0 test/data/protobuf/events_v2.pb`
INSERT INTO files VALUES ('events_v2.pb', decode(:'bytes', 'base64'));
\set bytes `base64 -w0 test/data/protobuf/events.binpb`
INSERT INTO files VALUES ('events.binpb', decode(:'bytes', 'base64'));
\set bytes `base64 -w0 test/data/protobuf/v2_sample.binpb`
INSERT INTO files VALUES ('v2_sample.binpb', decode(:'bytes', 'base64'));
\set bytes `base64 -w0 test/data/gpmf/drone.gpmf`
INSERT INTO files VALUES ('drone.gpmf', decode(:'bytes', 'base64'));
\unset bytes
