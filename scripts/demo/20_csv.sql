\echo
\echo '== 2. CSV: each blob has its own header'
\echo
\set ECHO queries
SELECT create_stream('meter_readings', 'csv', event_time => 'time');
INSERT INTO meter_readings_raw (source, payload) VALUES
    ('firmware 1', E'time,meter,kwh\n2026-03-01T00:00:00Z,A1,12.5\n2026-03-01T01:00:00Z,A1,12.75\n'),
    ('firmware 2', E'time,meter,kwh,voltage\n2026-03-01T00:00:00Z,B7,3.25,229\n2026-03-01T01:00:00Z,B7,3.5\n');
SELECT event_time, meter, kwh, voltage, _ep_raw_id, _ep_seq FROM meter_readings ORDER BY meter, event_time;
SELECT seq, message, detail FROM rejected WHERE stream = 'meter_readings';
\set ECHO none
