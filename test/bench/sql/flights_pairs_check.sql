-- On clean data both pair the same.
SELECT count(*) || ' differences' FROM (
    (TABLE flights_of_pair_flights EXCEPT ALL TABLE flights_of_windows) UNION ALL (TABLE flights_of_windows EXCEPT ALL TABLE flights_of_pair_flights)) d;
