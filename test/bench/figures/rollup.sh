# A month of events in a stream, a rollup of them by day, type and country, and the same as a materialized view.

make_month() { sql_file month -v events="$events"; }

# Late rows in 2 days that had none yet: 1 % of the events.
late_days=0
add_late_rows()
{
	sql -c "SELECT add_late_events($events / 200, $((late_days % 14 + 1))), add_late_events($events / 200, $((late_days % 14 + 15)))" \
		-c "VACUUM (ANALYZE) month, per_day"
	late_days=$((late_days + 1))
}

measure_refresh()
{
	add_late_rows
	sample refresh "$(seconds "SELECT refresh_rollup('per_day')")"
}

measure_matview() { sample matview "$(seconds "REFRESH MATERIALIZED VIEW per_day_matview")"; }

# 30 of ours are about as long as one of the rival's.
measure_totals() { sample totals "$(seconds "CALL repeat_query(30, 'SELECT * FROM totals_of_rollup')" | awk '{ print $1 / 30 }')"; }

measure_totals_events() { sample totals_events "$(seconds "CALL repeat_query(1, 'SELECT * FROM totals_of_events')")"; }

measure_live()
{
	add_late_rows
	sample live "$(seconds "CALL repeat_query(1, 'SELECT * FROM totals_of_live')")"
	sql -c "SELECT refresh_rollup('per_day')"
}

# --- COPY into a stream that is read by two rollups and into one that is not ---

prepare_copy() { sql -c "COPY (SELECT month_event(n, timestamptz '2025-02-01Z' + n % 172800 * interval '1 second') FROM generate_series(1, $events / 10) n) TO '$folder/copy.json'"; }

# Turn about, so that neither is always the first.
measure_copy()
{
	local stream read=() unread=()
	sql_file month_copy
	for stream in read unread unread read read unread unread read
	do
		local -n times=$stream
		times+=("$(seconds "COPY ${stream}_raw (payload) FROM '$folder/copy.json' ($copy_lines)")")
	done
	sample copy_read "$(sum "${read[@]}")"
	sample copy_unread "$(sum "${unread[@]}")"
}

sum() { printf '%s\n' "$@" | awk '{ s += $1 } END { print s }'; }

# The rollup, its live view while days are dirty, and the rival are what the query gives over the events.
check_rollup()
{
	add_late_rows
	[ "$(sql_file month_check -v content="TABLE per_day_live" | tee -a /dev/stderr)" = "0 differences" ]
	sql -c "SELECT refresh_rollup('per_day')" -c "REFRESH MATERIALIZED VIEW per_day_matview"
	[ "$(sql_file month_check -v content="TABLE per_day" | tee -a /dev/stderr)" = "0 differences" ]
	[ "$(sql_file month_check -v content="$matview_content" | tee -a /dev/stderr)" = "0 differences" ]
}
matview_content="SELECT (day AT TIME ZONE 'UTC')::date, event_type, country, n, v_sum, v_min, v_max, v_avg FROM per_day_matview"
