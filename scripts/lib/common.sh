# Shared by scripts/quickstart and scripts/test: words on the screen, long steps, root.
# Source it; it sets $top (the clone), $logs, and strict mode.

set -euo pipefail
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
logs=$top/build/logs

# What must be undone however the script ends: commands, run last first. A step that is still running is ended.
undo=() step_pid=
clean_up()
{
	local status=$? i
	trap '' INT TERM
	set +e
	if [ -n "$step_pid" ]; then kill "$step_pid"; wait "$step_pid"; fi 2>/dev/null
	for ((i = ${#undo[@]} - 1; i >= 0; i--)); do ${undo[i]} >/dev/null 2>&1 || true; done
	exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '%s\n' "$*"; }

on_fail() { :; }

# fail MESSAGE [WHAT TO DO]; a script may define on_fail for its last words.
fail()
{
	printf '\nerror: %s\n' "$1" >&2
	if [ -n "${2-}" ]; then printf 'what to do: %s\n' "$2" >&2; fi
	on_fail
	exit 1
}

# Is this a root shell?
is_root() { [ "$(id -u)" = 0 ]; }

# Run a command as root: directly, or through sudo for an ordinary user.
as_root()
{
	if is_root; then "$@"
	elif command -v sudo >/dev/null; then sudo env DEBIAN_FRONTEND="$DEBIAN_FRONTEND" LC_ALL="$LC_ALL" "$@"
	else fail "this needs root: $*" "run it as root, or install sudo and allow this user to use it"
	fi
}

# Ask for sudo's password now, in the open, so that no step behind a progress line waits for it.
may_need_root()
{
	is_root && return
	command -v sudo >/dev/null || fail "$1 needs root, and sudo is not here" "run this script as root, or install sudo"
	sudo -n true 2>/dev/null || sudo -v || fail "$1 needs root, and sudo refused" "run this script as root"
}

# step LABEL WHAT_TO_DO COMMAND...: run a command with its output in a log, showing elapsed seconds.
# When it fails: the end of the log, where the rest is, and what to do.
step()
{
	local label=$1 remedy=$2 log status=0 start=$SECONDS shown=0
	shift 2
	mkdir -p "$logs"
	log=$logs/$(printf '%s' "$label" | tr -c 'A-Za-z0-9.' '-').log
	(trap - EXIT INT TERM; "$@") >"$log" 2>&1 </dev/null &
	step_pid=$!
	while kill -0 "$step_pid" 2>/dev/null
	do
		if [ -t 1 ]; then printf '\r  %-46s %4d s' "$label" $((SECONDS - start))
		elif [ $((SECONDS - start)) -ge $((shown + 20)) ]
		then
			shown=$((SECONDS - start))
			printf '  %-46s %4d s, still running\n' "$label" "$shown"
		fi
		sleep 0.2
	done
	wait "$step_pid" || status=$?
	step_pid=
	if [ -t 1 ]; then printf '\r'; fi
	if [ "$status" = 0 ]
	then printf '  %-46s %4d s\n' "$label" $((SECONDS - start))
	else
		printf '  %-46s failed after %d s\n\n' "$label" $((SECONDS - start))
		tail -n 25 "$log" | sed 's/^/    /'
		fail "$label failed; the whole log is $log" "$remedy"
	fi
}
