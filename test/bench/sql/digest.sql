-- How many events a typed table holds, and a digest of them that does not depend on their order.
SELECT count(*) || ' ' || sum(hash_record_extended(ROW(event_time, event_type, user_id, session_id, device_serial, device_model,
                              country, duration_ms, score, ok, sequence), 0)::numeric)
FROM :"table" WHERE sequence > 0;
