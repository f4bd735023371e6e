# From bytes to typed rows on one core, with attributes that appear late and values of another type: events a second, and
# what became of both, counted in each contender's table.  Ours keep the payloads too, and write to disk; the rivals keep
# their tables in memory.

rivals=$top/build/rivals

# note TEXT: a line below the table, once.
note() { grep -qxF -- "$1" "$results/notes" || echo "$1" >>"$results/notes"; }

sample_rate() { sample "$1" "$(awk -v n="$events" -v s="$2" 'BEGIN { printf "%.0f\n", n / s }')"; }

measure_late_json()
{
	sql_file json -v stream=late_json >/dev/null
	sample_rate late_json "$(seconds "COPY late_json_raw (payload) FROM '$folder/late.json' ($copy_lines)")"
	note "JSON stream: $(sql_file late -v stream=late_json)"
}

measure_late_protobuf()
{
	sql_file protobuf -v stream=late_protobuf >/dev/null
	sample_rate late_protobuf "$(seconds "COPY late_protobuf_raw (payload) FROM '$folder/late.pgcopy' (FORMAT binary)")"
	note "protobuf stream: $(sql_file late -v stream=late_protobuf)"
}

# The same files as somebody loads a file: in blobs of 1,000 events.
measure_late_json_blobs()
{
	sql_file json -v stream=late_json_blobs >/dev/null
	sample_rate late_json_blobs "$(seconds "COPY late_json_blobs_raw (payload) FROM '$folder/late_json_blobs.pgcopy' (FORMAT binary)")"
	note "JSON stream, blobs: $(sql_file late -v stream=late_json_blobs)"
}

measure_late_protobuf_blobs()
{
	sql_file protobuf -v stream=late_protobuf_blobs -v framing=any >/dev/null
	sample_rate late_protobuf_blobs "$(seconds "COPY late_protobuf_blobs_raw (payload) FROM '$folder/late_protobuf_blobs.pgcopy' (FORMAT binary)")"
	note "protobuf stream, blobs: $(sql_file late -v stream=late_protobuf_blobs)"
}

# Each rival has a folder of its own: npm takes away what it was not asked for.
prepare_duckdb() { install_rival duckdb @duckdb/node-api; }

prepare_chdb() { install_rival chdb chdb; }

install_rival() { [ -d "$rivals/$1/node_modules/$2" ] || npm install --prefix "$rivals/$1" --no-audit --no-fund "$2" || true; }

# rival NAME [HOW]: set $time (seconds, or "failed") and $became.
rival()
{
	local out
	out=$(CLOCK=$clock NODE_PATH=$rivals/$1/node_modules node "$bench/rivals/$1.js" "$folder/late.json" "${@:2}") || out=failed
	time=$(head -n 1 <<<"$out") became=$(tail -n 1 <<<"$out")
}

measure_duckdb()
{
	[ -d "$rivals/duckdb/node_modules" ] || { note "DuckDB: not to be had from npm here"; return 0; }
	rival duckdb
	note "DuckDB, types of its sample: $became"
	rival duckdb all
	note "DuckDB, types of the whole file: $became"
	[ "$time" = failed ] || sample_rate duckdb "$time"
}

measure_chdb()
{
	[ -d "$rivals/chdb/node_modules" ] || { note "ClickHouse: not to be had from npm here"; return 0; }
	rival chdb
	note "ClickHouse, types of its sample: $became"
	rival chdb json
	note "ClickHouse, JSON type: $became"
	[ "$time" = failed ] || sample_rate chdb "$time"
}
