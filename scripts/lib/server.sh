# Which PostgreSQL, building into it, and private clusters of it. Needs common.sh.

oldest_major=15

# choose_server: set $pg_config and $bindir to the newest installed PostgreSQL from $oldest_major on; PG_CONFIG
# overrides.  False when there is none.
choose_server()
{
	local candidate
	if [ -n "${PG_CONFIG-}" ]
	then
		pg_config=$(command -v "$PG_CONFIG") || fail "PG_CONFIG=$PG_CONFIG is not a program" "give the path of pg_config"
		[ "$(server_major)" -ge "$oldest_major" ] ||
			fail "$PG_CONFIG is of $("$pg_config" --version)" "event_pipeline needs PostgreSQL $oldest_major or later"
	else
		pg_config=$(newest_server)
		[ -n "$pg_config" ] || return 1
	fi
	bindir=$("$pg_config" --bindir)
}

# Debian keeps every version's pg_config in its own folder (from postgresql-client-N); the server counts, not the client.
newest_server()
{
	local server major best=0
	for server in /usr/lib/postgresql/*/bin/postgres
	do
		major=${server#/usr/lib/postgresql/}
		major=${major%%/*}
		[ -x "$server" ] && [ "$major" -ge "$oldest_major" ] && [ "$major" -gt "$best" ] && best=$major
	done
	if [ "$best" != 0 ]; then echo "/usr/lib/postgresql/$best/bin/pg_config"
	elif command -v pg_config >/dev/null && [ -x "$(pg_config --bindir)/postgres" ]; then command -v pg_config
	fi
}

server_major() { "$pg_config" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/'; }

is_debian_server() { case $pg_config in /usr/lib/postgresql/*/bin/pg_config | /usr/bin/pg_config) true ;; *) false ;; esac }

# build_extension [MAKE ARGUMENT...]: compile and install.  No LLVM bitcode: it only lets JIT inline our
# functions and doubles the compile time.
build_extension()
{
	local for_server built="$top/build/built-for"
	for_server="$("$pg_config" --version) $("$pg_config" --pgxs)"
	mkdir -p "$top/build"
	if [ "$(cat "$built" 2>/dev/null)" != "$for_server" ]
	then
		# With the library: PGXS keeps to a library that is newer than its sources, objects or not.
		find "$top/src" -name '*.o' -delete
		rm -rf "$top/build/proto" "$top"/event_pipeline.{so,dylib}
		echo "$for_server" >"$built"
	fi
	step "compiling for $("$pg_config" --version)" "mend what the compiler complains of" \
		make -C "$top" -s -j"$(nproc)" PG_CONFIG="$pg_config" with_llvm=no "$@" all
	if [ ! -w "$("$pg_config" --pkglibdir)" ]; then may_need_root "installing into $("$pg_config" --pkglibdir)"; fi
	step "installing into $("$pg_config" --sharedir)" "run this as root or as a user who may use sudo" install_extension "$@"
}

install_extension()
{
	local run=as_root
	[ -w "$("$pg_config" --pkglibdir)" ] && [ -w "$("$pg_config" --sharedir)/extension" ] && run=
	$run make -C "$top" -s PG_CONFIG="$pg_config" with_llvm=no "$@" install
}

# Run as the user that owns our clusters: PostgreSQL refuses to run as root, so root becomes 'postgres'.
as_server()
{
	if is_root; then (cd / && exec runuser -u postgres -- "$@"); else "$@"; fi
}

# server_folder NAME: set $folder to an empty directory that the server's user may use: build/NAME, or one under
# /var/tmp when it cannot be reached (a clone under /root), a socket's path there would be too long, or it has blanks
# or quotes.
server_folder()
{
	folder=$top/build/$1
	rm -rf "$folder"
	mkdir -p "$folder"
	chmod 700 "$folder"
	if is_root; then chown postgres: "$folder"; fi
	if [ ${#folder} -gt 80 ] || [[ $folder == *[[:space:]\'\"]* ]] || ! as_server test -w "$folder"
	then
		rmdir "$folder"
		folder=$(mktemp -d -p /var/tmp --suffix=.event_pipeline)
		if is_root; then chown postgres: "$folder"; fi
		say "  the server's user cannot use $top/build: the cluster is in $folder"
	fi
}

# cluster_create FOLDER [SETTING...]: a cluster in FOLDER/data that only this user reaches by its socket in
# FOLDER, and that asks for the password in FOLDER/password on a free loopback port.
cluster_create()
{
	local folder=$1
	shift
	as_server "$bindir/initdb" -D "$folder/data" -U postgres --encoding=UTF8 --locale=C.UTF-8 --auth=trust --no-sync
	printf '%s\n' "local all all trust" "host all all 127.0.0.1/32 scram-sha-256" |
		as_server tee "$folder/data/pg_hba.conf" >/dev/null
	printf '%s\n' "listen_addresses = '127.0.0.1'" "unix_socket_directories = '$folder'" \
		"unix_socket_permissions = 0700" "max_connections = 50" "$@" |
		as_server tee -a "$folder/data/postgresql.conf" >/dev/null
	od -An -N12 -tx1 /dev/urandom | tr -d ' \n' | as_server tee "$folder/password" >/dev/null
}

# preload_cron FOLDER DATABASE: the settings that pg_cron needs to run its jobs in DATABASE, over the socket in FOLDER;
# one a line without blanks; nothing where pg_cron is not installed.
preload_cron()
{
	if [ -e "$("$pg_config" --pkglibdir)/pg_cron.so" ]
	then printf '%s\n' "shared_preload_libraries='pg_cron'" "cron.host='$1'" "cron.database_name='$2'"
	fi
}

# cluster_start FOLDER: set $port and start; tries the next port when another program took it meanwhile.
cluster_start()
{
	local folder=$1 attempt
	for attempt in 1 2 3 4 5
	do
		port=$(free_port $((54320 + attempt * 7)))
		if as_server "$bindir/pg_ctl" -D "$folder/data" -l "$folder/server.log" -o "-p $port" -w -t 60 start
		then
			echo "$port" | as_server tee "$folder/port" >/dev/null
			return 0
		fi
	done
	tail -n 20 "$folder/server.log"
	return 1
}

# cluster_stop FOLDER: stop it if it runs.
cluster_stop()
{
	[ -d "$1/data" ] || return 0
	if as_server "$bindir/pg_ctl" -D "$1/data" status >/dev/null
	then as_server "$bindir/pg_ctl" -D "$1/data" -m fast -w stop
	fi
}

# clusters_stop FOLDER: end every server whose data is anywhere below FOLDER, whoever started it.
clusters_stop()
{
	local pidfile
	find "$1" -name postmaster.pid | while read -r pidfile
	do as_server "$bindir/pg_ctl" -D "${pidfile%/*}" -m immediate -w stop || true
	done
}

# The first port from $1 on that nobody listens on.
free_port()
{
	local port=$1
	while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
	echo "$port"
}
