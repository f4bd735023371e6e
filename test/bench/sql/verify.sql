-- What was measured was also right: all three typed tables hold the same rows.
SELECT count(*) AS rows FROM events WHERE sequence > 0 \gset
SELECT count(*) AS differing FROM (
    (SELECT event_time, event_type, user_id, session_id, device_serial, device_model, country, duration_ms, score, ok, sequence
     FROM events WHERE sequence > 0 EXCEPT ALL SELECT * FROM floor_typed)
    UNION ALL
    (SELECT * FROM hand_typed EXCEPT ALL SELECT * FROM floor_typed)) d \gset
\if :{?events}
SELECT :rows <> :events OR :differing <> 0 AS wrong \gset
\endif
\if :wrong
SELECT 1 / 0 AS the_tables_differ;
\endif
