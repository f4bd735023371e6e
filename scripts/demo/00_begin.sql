-- How the story looks on the screen.
\set QUIET on
\pset pager off
\pset footer off
\pset null '-'
\pset border 1
SET client_min_messages = warning;
SET search_path = public, event_pipeline;
SET timezone = 'UTC';

