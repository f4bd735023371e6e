SELECT max(sequence) FROM busy WHERE event_time >= '2024-06-02 06:00Z' AND event_time < '2024-06-02 12:00Z';
