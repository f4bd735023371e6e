# A statement that brings a new attribute to a target of 100 leaves: milliseconds as the client sees them.  The statement
# after it is told too, for it is the first to see the new shape.

attribute_statements=30

prepare_attribute() { sql_file leaves; }

# 30 times in one session: known (not timed), known, new, known.
attribute_script()
{
	local i known="INSERT INTO leaves_raw (payload) VALUES ('{\"ts\":\"2024-06-20T12:00:00Z\",\"user_id\":\"u1\",\"sequence\":1}');"
	for ((i = 1; i <= attribute_statements; i++))
	do
		printf '%s\n' '\timing off' "$known" '\timing on' "$known" "${known/\}/,\"extra_${1}_$i\":$i\}}" "$known"
	done
}

measure_attribute()
{
	local batch names=(known new after) i
	batch=$(sql -c "SELECT max(raw_id) FROM leaves_raw")
	attribute_script "$batch" | sql -f - | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' >"$results/times"
	for i in 0 1 2
	do sample "attribute_${names[i]}" "$(awk -v i="$i" '(NR - 1) % 3 == i' "$results/times" | percentile 50)"
	done
	[ "$(sql -c "SELECT count(*) FROM event_pipeline.stream_columns WHERE stream = 'leaves' AND path ~ '^extra_${batch}_'")" = "$attribute_statements" ]
}
