-- GPMF out of an MP4: payloads and windows, and what they do to the times of samples. The files are those of
-- test/data/gen_mp4.py, whose payloads are those of camera.gpmf.
SET TimeZone = 'UTC';
SET datestyle = 'ISO';
CREATE SCHEMA mp4_test;
SET search_path = mp4_test, public, event_pipeline;
\set plain `od -An -v -tx1 "$PG_ABS_SRCDIR/test/data/mp4/plain.mp4" | tr -d ' \n'`
\set edited `od -An -v -tx1 "$PG_ABS_SRCDIR/test/data/mp4/edited.mp4" | tr -d ' \n'`
\set swapped `od -An -v -tx1 "$PG_ABS_SRCDIR/test/data/mp4/swapped.mp4" | tr -d ' \n'`
\set damaged `od -An -v -tx1 "$PG_ABS_SRCDIR/test/data/mp4/damaged.mp4" | tr -d ' \n'`
\set camera `od -An -v -tx1 "$PG_ABS_SRCDIR/test/data/gpmf/camera.gpmf" | tr -d ' \n'`
\set text_clock `od -An -v -tx1 "$PG_ABS_SRCDIR/test/data/gpmf/text_clock.gpmf" | tr -d ' \n'`
CREATE TABLE files (name text, mp4 bytea);
INSERT INTO files VALUES ('plain', decode(:'plain', 'hex')), ('edited', decode(:'edited', 'hex')),
    ('swapped', decode(:'swapped', 'hex')), ('damaged', decode(:'damaged', 'hex'));

SELECT name, payload, length(log::bytea), round(in_s::numeric, 6) AS in_s, round(out_s::numeric, 6) AS out_s, problem
FROM files, gpmf_from_mp4(mp4) ORDER BY name, payload;
-- the payloads, put together, are the log
SELECT string_agg(log::bytea, '' ORDER BY payload) = decode(:'camera', 'hex') FROM files, gpmf_from_mp4(mp4) WHERE name = 'plain';
-- a file that was cut off keeps what is whole; what is no MP4 says why
SELECT payload, log IS NULL AS gone, problem FROM files, gpmf_from_mp4(substr(mp4, 1, 2800)) WHERE name = 'edited';
\set SHOW_CONTEXT never
SELECT * FROM gpmf_from_mp4('');
SELECT * FROM gpmf_from_mp4('\x0000000766747970');
SELECT p.* FROM files, gpmf_from_mp4(substr(mp4, 1, 100)) p WHERE name = 'plain';
SELECT p.* FROM files, gpmf_from_mp4(substr(mp4, 1, length(mp4) - 40)) p WHERE name = 'plain';

-- times: stamps hold, and start where the presentation has the first payload; what has no stamp is spread over the windows
CREATE VIEW whole AS SELECT name, string_agg(log::bytea, '' ORDER BY payload)::gpmf AS log,
    array_agg(in_s ORDER BY payload) || max(out_s) AS windows
FROM files, gpmf_from_mp4(mp4) WHERE name IN ('plain', 'edited') GROUP BY name;
SELECT whole.name, s.fourcc, s.clock, round(s.rate_hz::numeric, 6) AS rate_hz, first_at FROM whole, gpmf_streams(log, windows) s
WHERE fourcc IN ('ACCL', 'pr 1') ORDER BY 1, 2;
SELECT name, s.fourcc, payload, sample, round(s.t::numeric, 6) AS t, at FROM whole, gpmf_samples(log, windows => windows) s
WHERE fourcc IN ('ACCL', 'pr 1') AND sample = 0 ORDER BY 1, 2, 3;

-- counts over windows: the line goes through the starts of the payloads, whatever the end of the last
SELECT s.fourcc, s.clock, s.rate_hz, s.tsmp_last FROM gpmf_streams(decode(:'text_clock', 'hex')::gpmf, '{0,1,2,2.01}') s;
SELECT payload, sample, t FROM gpmf_samples(decode(:'text_clock', 'hex')::gpmf, windows => '{10,11.1,11.9,20}');
SELECT s.clock, s.rate_hz FROM gpmf_streams(decode(:'text_clock', 'hex')::gpmf, '{0,1,5,6}') s;
SELECT count(*) FROM gpmf_samples(decode(:'text_clock', 'hex')::gpmf, windows => '{0,1}');
SELECT count(*) FROM gpmf_samples(decode(:'text_clock', 'hex')::gpmf, windows => '{0,2,1,3}');
SELECT count(*) FROM gpmf_samples(decode(:'text_clock', 'hex')::gpmf, windows => '{0,1,NULL,3}');
DROP VIEW whole;
DROP TABLE files;
