# Sourced by the rules beside it: each rule prints what offends it, a line each, and ends in a TAP line.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# verdict RULE OFFENCES: the TAP of one rule.
verdict()
{
	if [ -z "$2" ]
	then printf 'ok 1 - %s\n1..1\n' "$1"
	else printf '%s\nnot ok 1 - %s\n1..1\n' "$2" "$1"; exit 1
	fi
}

# skip RULE WHY
skip()
{
	printf 'ok 1 - %s # SKIP %s\n1..1\n' "$1" "$2"
	exit 0
}

# Our own C files, one a line.
c_files() { find src test -name '*.[ch]' -not -path '*/build/*' | sort; }
