\set n random(1, 1000000000)
INSERT INTO busy_raw (payload) VALUES (format('{"ts":"2024-06-01T12:00:00Z","user_id":"u1","extra_%s":1}', :n));
\sleep 100 ms
