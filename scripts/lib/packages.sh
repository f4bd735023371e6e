# What the system must have, and getting it from Debian. Needs common.sh.

# What compiling needs, as far as it is not there in some form.
build_packages()
{
	command -v gcc >/dev/null || command -v clang >/dev/null || echo gcc libc6-dev
	command -v make >/dev/null || echo make
	command -v pkg-config >/dev/null || echo pkgconf
	command -v protoc-c >/dev/null || echo protobuf-c-compiler
	pkg-config --exists libprotobuf-c 2>/dev/null || echo libprotobuf-c-dev
	pkg-config --exists protobuf 2>/dev/null || echo libprotobuf-dev
}

# Is a Debian package installed?
has_package() { dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

# need_packages PACKAGE...: install those that are missing.
need_packages()
{
	local package missing=()
	command -v dpkg-query >/dev/null || { say "  not a Debian system: taking it that these are here: $*"; return; }
	for package in "$@"; do has_package "$package" || missing+=("$package"); done
	[ ${#missing[@]} = 0 ] && return
	may_need_root "installing packages"
	refresh_package_lists
	step "installing ${missing[0]}$([ ${#missing[@]} = 1 ] || echo " and $((${#missing[@]} - 1)) more")" \
		"see whether 'apt-get install ${missing[*]}' works by hand" install_packages "${missing[@]}"
}

# want_packages PACKAGE...: the same for what is nice to have: where it cannot be had, say so and go on.
want_packages()
{
	local package
	for package in "$@"
	do
		has_package "$package" && continue
		[ -n "$(apt-cache madison "$package" 2>/dev/null)" ] && (on_fail() { :; }; need_packages "$package") ||
			say "  this system has no $package: going on without"
	done
}

# One apt-get update per run, and none when nothing is missing.
refresh_package_lists()
{
	[ -n "${package_lists_fresh-}" ] && return
	may_need_root "apt-get update"
	step "asking Debian for its package lists" "check the network and /etc/apt/sources.list" \
		as_root apt-get -q update
	package_lists_fresh=yes
}

# Debian's server package makes and starts a cluster 'main' when it is first installed.  Nobody asked for one here,
# so it is told not to, for as long as this installation takes.
install_packages()
{
	local no_main=/etc/postgresql-common/createcluster.d/event_pipeline.conf status=0
	as_root mkdir -p "${no_main%/*}"
	echo "create_main_cluster = false" | as_root tee "$no_main" >/dev/null
	as_root apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-confold install "$@" || status=$?
	as_root rm -f "$no_main"
	as_root rmdir --ignore-fail-on-non-empty "${no_main%/*}"
	return "$status"
}

# need_server [PACKAGE...]: PostgreSQL with its headers, pg_partman and pg_cron, for the server that lib/server.sh chose;
# on a machine without PostgreSQL, the one of this Debian release.  Other
# packages come along in one go.  Sets pg_config, as choose_server does.
need_server()
{
	local major
	if ! choose_server
	then
		command -v apt-get >/dev/null || fail "no PostgreSQL from $oldest_major on was found" \
			"install it with its headers, or set PG_CONFIG to its pg_config"
		refresh_package_lists
		major=$(newest_packaged_major)
		[ -n "$major" ] || fail "this Debian release has no PostgreSQL from $oldest_major on" \
			"use Debian 12 or later, or set PG_CONFIG to the pg_config of your own build"
		need_packages "postgresql-$major" "postgresql-server-dev-$major" \
			"postgresql-$major-partman" "postgresql-$major-cron" "$@"
		choose_server || fail "PostgreSQL $major was installed but has no pg_config" "apt-get install --reinstall postgresql-server-dev-$major"
	elif is_debian_server
	then
		major=$(server_major)
		need_packages "postgresql-$major" "postgresql-server-dev-$major" "postgresql-$major-partman" \
			"postgresql-$major-cron" "$@"
	else
		need_packages "$@"
	fi
	[ -e "$("$pg_config" --sharedir)/extension/pg_partman.control" ] ||
		fail "pg_partman is not installed in $("$pg_config" --sharedir)" "install pg_partman 4.7 or later for this server"
	! is_root || id postgres >/dev/null 2>&1 ||
		fail "there is no user 'postgres' to run a server as" "adduser --system postgres, or run this script as an ordinary user"
}

# The newest major version that this release packages together with pg_partman.
newest_packaged_major()
{
	apt-cache pkgnames postgresql-server-dev- | sed -n 's/^postgresql-server-dev-\([0-9]*\)$/\1/p' | sort -rn |
		while read -r major
		do
			[ "$major" -ge "$oldest_major" ] || break
			[ -n "$(apt-cache madison "postgresql-$major-partman" 2>/dev/null)" ] && { echo "$major"; break; }
		done
}
