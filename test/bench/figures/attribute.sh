# A statement that brings a new attribute to a target of 100 leaves: milliseconds as the client sees them.  The statement
# after it is told too, for it is the first to see the new shape; and an ALTER TABLE that adds a column to a table of the
# same shape, which is what the server itself takes.  Each round begins with new tables: what ALTER TABLE takes grows with
# the columns that are there.

attribute_statements=30

# 30 times in one session: known (not timed), known, new, known, ALTER TABLE.
attribute_script()
{
	local i known="INSERT INTO leaves_raw (payload) VALUES ('{\"ts\":\"2024-06-20T12:00:00Z\",\"user_id\":\"u1\",\"sequence\":1}');"
	for ((i = 1; i <= attribute_statements; i++))
	do
		printf '%s\n' '\timing off' "$known" '\timing on' "$known" "${known/\}/,\"extra_${1}_$i\":$i\}}" "$known" \
			"ALTER TABLE leaves_plain ADD COLUMN extra_${1}_$i bigint;"
	done
}

measure_attribute()
{
	local batch names=(known new after alter) i
	sql_file leaves && sql_file leaves_plain || return
	batch=$(sql -c "SELECT max(raw_id) FROM leaves_raw")
	attribute_script "$batch" | sql -f - | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' >"$results/times"
	for i in 0 1 2 3
	do sample "attribute_${names[i]}" "$(awk -v i="$i" '(NR - 1) % 4 == i' "$results/times" | percentile 50)"
	done
	[ "$(sql -c "SELECT count(*) FROM event_pipeline.stream_columns WHERE stream = 'leaves' AND path ~ '^extra_${batch}_'")" = "$attribute_statements" ]
}
