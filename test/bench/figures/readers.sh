# Readers of an event table that another session has read and not let go, while a statement comes every 100 ms: with a new
# attribute each, whose column can never be had, or with known ones.
#
# The readers come at a fixed rate and their latency counts from when they should have begun: one that must wait holds up
# those behind it, and all of them are in the percentile.

readers_seconds=10 readers_rate=500

prepare_readers_known() { sql_file busy; }

measure_readers_known() { sample readers_known "$(readers_p99 busy_known)"; }

measure_readers_new()
{
	local before columns="SELECT count(*) FROM pg_attribute WHERE attrelid = 'busy'::regclass"
	local rescued="SELECT count(*) FROM busy, jsonb_each(_ep_rescued) r WHERE r.value ->> 'why' = 'lock'"
	local before_rescued
	before=$(sql -c "$columns") before_rescued=$(sql -c "$rescued")
	sample readers_new "$(readers_p99 busy_new)"
	[ "$(sql -c "$columns")" = "$before" ] && [ "$(sql -c "$rescued")" -gt $((before_rescued + readers_seconds * 5)) ]
}

# readers_p99 WRITER: milliseconds.
readers_p99()
{
	local idle writer
	(echo "BEGIN; SELECT count(*) FROM busy;"; sleep $((readers_seconds + 2))) | sql >/dev/null &
	idle=$!
	sleep 1
	bench_pgbench "$1" -c 1 -T "$readers_seconds" >/dev/null &
	writer=$!
	rm -f "$folder"/reader.*
	bench_pgbench reader -M prepared -c 1 -T "$readers_seconds" -R "$readers_rate" -l --log-prefix="$folder/reader" >/dev/null
	wait "$writer" "$idle"
	cut -d ' ' -f 3 "$folder"/reader.* | percentile 99 | awk '{ print $1 / 1000 }'
}
