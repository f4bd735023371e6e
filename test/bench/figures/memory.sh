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
	local files
	files=$(printf "$folder/events.json %.0s" $(seq "$1"))
	peak_memory "COPY memory_raw (payload) FROM PROGRAM 'cat $files' ($copy_lines)"
}
