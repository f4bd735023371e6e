# One event an INSERT, prepared, from two clients: transactions a second.  Both are given the same event by parameters.

single_event='{"ts":"2024-06-01T12:00:00Z","event_type":"read","user_id":"u7919","session_id":"sc4ca4238a0b923820dcc509a6f75849b","device":{"serial":"C340000004729","model":"HERO13 Black"},"country":"DE","duration_ms":31,"score":0.42,"ok":true,"sequence":1}'
single_seconds=4

prepare_single() { sql_file json -v stream=single; }

prepare_plain() { sql_file bare -v stream=plain; }

# tps SCRIPT [OPTION...]
tps() { bench_pgbench "$@" -M prepared -c 2 -j 2 -T "$single_seconds" -D payload="$single_event" | sed -n 's/^tps = \([0-9.]*\).*/\1/p'; }

measure_single() { sample single "$(tps single)"; }

measure_plain()
{
	sample plain "$(tps plain -D ts=2024-06-01T12:00:00Z -D event_type=read -D user_id=u7919 -D session_id=sc4ca4238a0b923820dcc509a6f75849b \
		-D serial=C340000004729 -D model='HERO13 Black' -D country=DE -D duration_ms=31 -D score=0.42 -D ok=true -D sequence=1)"
}
