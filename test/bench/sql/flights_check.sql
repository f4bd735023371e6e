-- The kept flight table is the one from scratch, which is dropped.
SELECT count(*) || ' differences' FROM ((TABLE flights EXCEPT ALL TABLE scratch) UNION ALL (TABLE scratch EXCEPT ALL TABLE flights)) d;
SELECT event_pipeline.drop_flight_table('scratch') \g /dev/null
