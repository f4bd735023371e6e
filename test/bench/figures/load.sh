# The events of a file, loaded by one COPY: into our streams, and in the ways that they are compared with.
# Each contender has fresh tables in each round.

make_events()
{
	as_server python3 - "$events" "$folder" <"$bench/events.py"
	protoc --include_imports -I"$bench" -I/usr/include --descriptor_set_out="$folder/events.pb" "$bench/events.proto"
	sql -c "SELECT event_pipeline.register_protobuf('bench', pg_read_binary_file('$folder/events.pb'))"
	sql_file partitions
}

# A line is a payload: no character of it is special.
copy_lines="FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02'"

measure_floor()
{
	sql_file bare -v stream=floor
	sample floor "$(seconds "COPY floor_raw (payload) FROM '$folder/events.json' ($copy_lines)" \
		"COPY floor_typed FROM '$folder/events.csv' (FORMAT csv)")"
}

measure_hand()
{
	sql_file bare -v stream=hand
	sql_file hand
	sample hand "$(seconds "COPY hand_raw (payload) FROM '$folder/events.json' ($copy_lines)")"
}

measure_json()
{
	sql_file json -v stream=json
	sample json "$(seconds "COPY json_raw (payload) FROM '$folder/events.json' ($copy_lines)")"
}

measure_protobuf()
{
	sql_file protobuf -v stream=protobuf
	sample protobuf "$(seconds "COPY protobuf_raw (payload) FROM '$folder/events.pgcopy' (FORMAT binary)")"
}

measure_wide()
{
	sql_file wide
	sample wide "$(seconds "COPY wide_raw (payload) FROM '$folder/events.json' ($copy_lines)")"
}

# check_loads CONTENDER...: every typed table that was filled in the last round holds the same rows.
check_loads()
{
	local contender table digest first=
	for contender in "$@"
	do
		case $contender in
			json | protobuf | wide) table=$contender ;;
			floor | hand) table=${contender}_typed ;;
			*) continue ;;
		esac
		digest=$(sql_file digest -v table="$table")
		echo "$table: $digest"
		first=${first:-$digest}
		[ "$digest" = "$first" ] && [ "${digest%% *}" = "$events" ] || return 1
	done
}
