INSERT INTO single_raw (payload) VALUES (:payload);
