# Shared by the commands of test/bench: a private cluster, contenders measured in interleaved rounds, a table of ratios.
# Source it.
#
# A contender NAME has a function measure_NAME that takes one sample, or several, with `sample NAME VALUE`.  Each round
# measures every chosen contender once, so that a ratio compares neighbours in time: the machine's mood is in both.

source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
source "$top/scripts/lib/packages.sh"
source "$top/scripts/lib/server.sh"

bench=$top/test/bench

# What seconds() reads: the wall's clock, or the processor time of the process that works.  A command may set it to cpu.
clock=wall

# --- the cluster ---

# bench_start NAME [PACKAGE...]: build, install, and start a private cluster with the extension in it.  Sets $folder,
# which the server can write to, and $results, which stays.  fsync is off, so that the disk's mood is not measured.
bench_start()
{
	local name=$1
	shift
	# shellcheck disable=SC2046
	need_server $(build_packages) "$@"
	build_extension
	server_folder bench
	undo+=("rm -rf $folder" "cluster_stop $folder")
	step "starting a cluster" "see the log" start_cluster
	port=$(cat "$folder/port")
	results=$top/build/bench-$name
	mkdir -p "$results"
	: >"$results/samples"
}

start_cluster()
{
	cluster_create "$folder" "fsync=off" "timezone='UTC'" "shared_buffers=1GB" "max_wal_size=16GB" \
		"checkpoint_timeout=30min" "autovacuum=off" "jit=off" && cluster_start "$folder" &&
		sql -c 'CREATE EXTENSION event_pipeline CASCADE' && sql_file "clock_$clock"
}

sql()
{
	as_server "$bindir/psql" -X -q -A -t -v ON_ERROR_STOP=1 -v folder="$folder" -h "$folder" -p "$port" -U postgres -d postgres "$@"
}

# sql_file NAME [PSQL OPTION...]: run sql/NAME.sql; it is read by us, so that the server's user need not reach it.
sql_file()
{
	local file=$bench/sql/$1.sql
	shift
	sql "$@" -f - <"$file"
}

# bench_pgbench SCRIPT [OPTION...]: run pgbench with sql/SCRIPT.sql.
bench_pgbench()
{
	local script=$1
	shift
	as_server "$bindir/pgbench" -n -h "$folder" -p "$port" -U postgres -f - "$@" postgres <"$bench/sql/$script.sql"
}

# --- samples ---

# sample CONTENDER VALUE
sample() { echo "$1 $2" >>"$results/samples"; }

# seconds STATEMENT...: how long these take, one after the other, in one session.
seconds()
{
	local arguments=() statement
	for statement in "SELECT bench_clock()" "$@" "SELECT bench_clock()"; do arguments+=(-c "$statement"); done
	sql -c CHECKPOINT
	sql "${arguments[@]}" | awk 'NR == 1 { from = $1 } END { printf "%.3f\n", $1 - from }'
}

# peak_memory STATEMENT: the peak of its backend's own memory (RssAnon), MB.
peak_memory()
{
	local pid= peak=0 now running
	printf '%s;\n' "SELECT pg_backend_pid()" "$1" | sql -f - >"$results/backend" &
	running=$!
	while kill -0 "$running" 2>/dev/null
	do
		pid=${pid:-$(head -n 1 "$results/backend")}
		now=$(sed -n 's/^RssAnon:[^0-9]*\([0-9]*\).*/\1/p' "/proc/${pid:-none}/status" 2>/dev/null || true)
		[ "${now:-0}" -gt "$peak" ] && peak=$now
		sleep 0.05
	done
	wait "$running"
	awk -v kb="$peak" 'BEGIN { print kb / 1024 }'
}

# percentile P: of the numbers on standard input, one a line.
percentile()
{
	sort -n | awk -v p="$1" '{ v[NR] = $1 } END { i = int(NR * p / 100 + 0.5); if (i < 1) i = 1; print v[i] }'
}

# measure_in_rounds ROUNDS CONTENDER...
measure_in_rounds()
{
	local rounds=$1 round
	shift
	for ((round = 1; round <= rounds; round++))
	do step "round $round of $rounds" "see the log" measure_each "$@"
	done
}

measure_each()
{
	local contender
	for contender in "$@"
	do
		echo "$contender"
		"measure_$contender"
	done
}

# --- the table ---

table_head()
{
	printf '| %-44s | %18s | %18s | %9s | %-12s | %-15s |\n' figure ours against ratio bar spread
	printf '|---|---:|---:|---:|---|---|\n'
}

# table_row FIGURE OURS RIVAL UNIT BAR: medians of two contenders, the median of the rounds' ratios, and their range.
# A bar "<= N" or none asks how much of the rival's amount ours is, ">= N" how many times as fast we are,
# "<= N more" how much is added.  A contender without samples gives no row.
table_row()
{
	awk -v figure="$1" -v ours="$2" -v rival="$3" -v unit="$4" -v bar="$5" '
		function sorted(a, n,   i, j, x) {
			for (i = 2; i <= n; i++) { x = a[i]; for (j = i - 1; j > 0 && a[j] > x; j--) a[j + 1] = a[j]; a[j + 1] = x }
		}
		function median(a, n) { return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2 }
		function amount(x) { return sprintf(unit ~ /^(s|ms)$/ ? "%.2f %s" : "%.0f %s", x, unit) }
		$1 == ours { a[++n] = $2 }
		$1 == rival { b[++m] = $2 }
		END {
			if (m < n) n = m
			if (n == 0) exit
			added = bar ~ /more$/
			faster = bar ~ /^>=/ && unit ~ /^(s|ms)$/
			for (i = 1; i <= n; i++) r[i] = added ? a[i] - b[i] : faster ? b[i] / a[i] : a[i] / b[i]
			sorted(a, n); sorted(b, n); sorted(r, n)
			form = added ? "%+.2f " unit : "%.2f x"
			printf "| %-44s | %18s | %18s | %9s | %-12s | %-15s |\n", figure, amount(median(a, n)), amount(median(b, n)),
				sprintf(form, median(r, n)), bar, sprintf("%.2f to %.2f", r[1], r[n])
		}' "$results/samples"
}

# The machine and the server, a line each.
machine()
{
	printf '%s, %s cores, %s of memory, load %s\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" \
		"$(awk '/^MemTotal/ { printf "%.0f GB", $2 / 1048576 }' /proc/meminfo)" "$(cut -d ' ' -f 1 /proc/loadavg)"
	printf '%s, a private cluster: fsync off, shared_buffers 1GB, autovacuum off\n' "$("$pg_config" --version)"
	[ "$clock" = wall ] || echo "seconds and events/s are of processor time"
}
