WITH raw AS (INSERT INTO plain_raw (payload) VALUES (:payload))
INSERT INTO plain_typed VALUES (:ts, :event_type, :user_id, :session_id, :serial, :model, :country, :duration_ms, :score, :ok, :sequence);
