# Flights of 1,000 drones: paired by us and by window functions; a flight table kept up to date and computed from scratch.

have_flight_events() { [ "$(sql -c "SELECT to_regclass('flight_event') IS NOT NULL")" = t ]; }

# A fifth of the events of a month, made once.
prepare_pair_flights() { have_flight_events || sql_file flights -v events="$((events / 5))"; }

prepare_flight_table()
{
	prepare_pair_flights
	sql_file flights_stream
}

# Every column is wanted, nothing is stored.
wanted="count(drone_id), count(boot_id), count(status), count(takeoff_at), count(landing_at), count(last_seen_at), sum(duration_ms),
	count(end_reason), count(time_source), sum(touchdowns), count(flags)"

measure_pair_flights() { sample pair_flights "$(seconds "DO 'BEGIN PERFORM $wanted FROM flights_of_pair_flights; END'")"; }

measure_pair_windows() { sample pair_windows "$(seconds "DO 'BEGIN PERFORM $wanted FROM flights_of_windows; END'")"; }

# 100 late landings, each of another drone.
measure_flight_table()
{
	sql -c "SELECT add_late_landings()" -c "VACUUM (ANALYZE) fleet, flights"
	sample flight_refresh "$(seconds "SELECT refresh_flight_table('flights', '2027-01-01')")"
	sample flight_scratch "$(seconds "SELECT create_flight_table('scratch', 'fleet')")"
	[ "$(sql_file flights_check | tee -a /dev/stderr)" = "0 differences" ]
}

# Of clean data both make the same flights, of kept flights none differs (measure_flight_table).
check_flights() { ! have_flight_events || [ "$(sql_file flights_pairs_check | tee -a /dev/stderr)" = "0 differences" ]; }
