# The peak of a backend's own memory (RssAnon) in one COPY of the events, and in one COPY of ten times as many.

prepare_memory() { sql_file json -v stream=memory; }

measure_memory()
{
	grep -q '^memory' "$results/samples" && return 0	# once: it does not depend on the machine's mood
	sample memory_1 "$(peak_of_copy 1)"
	sample memory_10 "$(peak_of_copy 10)"
}

# peak_of_copy TIMES: MB
peak_of_copy()
{
	local files pid= peak=0 now copy
	files=$(printf "$folder/events.json %.0s" $(seq "$1"))
	printf '%s;\n' "SELECT pg_backend_pid()" "COPY memory_raw (payload) FROM PROGRAM 'cat $files' ($copy_lines)" |
		sql -f - >"$results/backend" &
	copy=$!
	while kill -0 "$copy" 2>/dev/null
	do
		pid=${pid:-$(cat "$results/backend")}
		now=$(sed -n 's/^RssAnon:[^0-9]*\([0-9]*\).*/\1/p' "/proc/${pid:-none}/status" 2>/dev/null || true)
		[ "${now:-0}" -gt "$peak" ] && peak=$now
		sleep 0.05
	done
	wait "$copy"
	awk -v kb="$peak" 'BEGIN { print kb / 1024 }'
}
