# The postmaster or a backend is killed with signal 9 in the middle of ingest that changes tables. After each restart every
# acknowledged raw row is there, the event tables are what the raw table says, the counters balance and ingest goes on.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use EventPipeline;
use IPC::Run;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

inherit_orphans();    # before there are any
my $node = new_node('killed', "timezone = 'UTC'", 'restart_after_crash = on', 'max_wal_size = 1GB', 'shared_buffers = 64MB');
load_oracle($node);
sql($node, q~SELECT create_stream('e', 'json', event_time => 'at', event_id => 'id', route_by => 'r', settings => '{"max_columns": 150}')~);

# --- the writers: psql scripts that say what was acknowledged ---

# Event $i of statement $n of writer $w in round $round: now and then an attribute that nobody has had, of a type of the
# writer's own, a day that has no partition, a table that is not there, an id that others take too.
sub event
{
	my ($round, $w, $n, $i) = @_;
	my $day = $n % 9 == 0 ? sprintf('20%02d-%02d-%02d', 10 + $round, 1 + $n % 12, 1 + $n % 28) : '2026-03-01';
	my $id = $n % 5 == 0 ? sprintf('"shared %d %d"', $round, $n % 40) : "\"$round.$w.$n.$i\"";
	my $route = $n % 3 == 0 ? sprintf(', "r": "t%d"', $n % 4 + 4 * ($n > 60 ? $round : 0)) : '';
	my $new = sprintf(', "k_%d_%d": %s', $round, int($n / 8), $w % 2 == 0 ? $n : $w == 1 ? "\"text $n\"" : "$n.5");
	my $bad = $n % 11 == 0 && $i == 1 ? ', "at": "never"' : ", \"at\": \"${day}T00:00:00Z\"";
	return "{\"id\": $id, \"n\": $n, \"i\": $i$route$new$bad}";
}

sub statement
{
	my ($round, $w, $n) = @_;
	my @events = map { event($round, $w, $n, $_) } 1 .. 5;
	my $source = "$round.$w.$n";
	my $one = "INSERT INTO e_raw (source, payload) VALUES ('$source', '$events[1]');";
	my $many = "INSERT INTO e_raw (source, payload) VALUES ('$source', '[" . join(', ', @events) . "]');";
	my $copy = "COPY e_raw (source, payload) FROM STDIN (DELIMITER '|');\n" . join('', map { "$source|$_\n" } @events) . '\\.';
	return $one if $n % 6 == 0;
	return $many if $n % 6 == 1;
	return $copy if $n % 6 == 2;
	return "BEGIN;\n$one\nCOMMIT;" if $n % 6 == 3;    # a worker makes the column
	return "BEGIN;\nINSERT INTO e_raw (payload) VALUES ('{\"at\": \"2026-03-01T00:00:00Z\", \"n\": 0}');\n$copy\nCOMMIT;" if $n % 6 == 4;    # the table is locked by then
	return "BEGIN;\nSAVEPOINT s;\n$many\nROLLBACK TO s;\n$many\nCOMMIT;";
}

# Start psql; what it says goes to a file.
sub start
{
	my ($name, $script) = @_;
	my $file = $node->basedir . "/$name";
	append_to_file("$file.sql", $script);
	return { file => $file, run => IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', "$file.sql" ],
		'<', '/dev/null', '>', "$file.out", '2>', "$file.err") };
}

sub start_all
{
	my ($round) = @_;
	my @writers = map { my $w = $_; start("writer.$round.$w", join "\n", map { (statement($round, $w, $_), "\\echo $round.$w.$_") } 1 .. 3000) } 0 .. 3;
	my $others = start("others.$round", join "\n", map { ('CALL event_pipeline.run_maintenance();', 'SELECT count(*) FROM e;') } 1 .. 1000);
	return (@writers, $others);
}

# --- what must hold afterwards ---

my %acknowledged;

sub check
{
	my ($round, $what) = @_;
	my @sources = sort keys %acknowledged;
	my $lost = sql($node, 'SELECT count(*) FROM unnest(string_to_array(' . "'" . join(',', @sources) . "'" . q~, ',')) s
		WHERE NOT EXISTS (SELECT FROM e_raw r WHERE r.source = s)~);
	is($lost, '0', "$what: each of " . @sources . ' acknowledged statements is there');
	is(sql($node, "SELECT * FROM oracle('e', 'id') LIMIT 5"), '', "$what: the event tables are what the raw table says");
	is(sql($node, "SELECT * FROM verify('e', NULL) LIMIT 5"), '', "$what: so says verify()");
	is(sql($node, "SELECT * FROM unbalanced('e')"), '', "$what: the counters balance");
	is(sql($node, "SELECT sum(r.missing + r.events - r.typed - r.rejected - r.duplicates), sum(r.events) = (SELECT events FROM stream_stats) FROM reconcile('e') r"),
		'0|t', "$what: the books of reconcile() balance");
	is(sql($node, qq~INSERT INTO e_raw (payload) VALUES ('{"id": "after $round", "at": "2001-01-01", "after_$round": 1, "r": "after$round"}');
		SELECT after_$round, _ep_rescued FROM e_after$round~), '1|', "$what: new attributes, partitions and tables come at once");
	return;
}

# Where process 1 does not reap the dead, in a chroot or a container, the killed postmaster would stay as a zombie, and a new one would
# take it for alive: we inherit and reap it ourselves. prctl(PR_SET_CHILD_SUBREAPER) has a number for each machine.
sub inherit_orphans
{
	my $prctl = { x86_64 => 157, aarch64 => 167, riscv64 => 167, ppc64le => 171, s390x => 172 }->{ (POSIX::uname())[4] };
	syscall($prctl, 36, 1, 0, 0, 0) if defined $prctl;
	return;
}

# Backends that have not noticed yet still hold the shared memory; then pg_ctl fails.
sub start_again
{
	my ($killed) = @_;
	for (1 .. 300)
	{
		waitpid($killed, POSIX::WNOHANG);
		return if $node->start(fail_ok => 1);
		usleep(100_000);
		$node->stop('fast', fail_ok => 1);
	}
	$node->start;
	return;
}

# That of a client, or one that changes a table for a client, should there be one. It may be gone by then.
sub kill_a_backend
{
	for (1 .. 1000)
	{
		my $pid = sql($node, q~SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type IN ('event_pipeline', 'client backend')
			ORDER BY backend_type = 'event_pipeline' DESC, random() LIMIT 1~);
		return if $pid ne '' && kill 9, $pid;
	}
	die 'no backend is left to kill';
}

# Wait for the writers; note what was acknowledged, and that only the lost connection ended them.
sub finish
{
	my ($round, @runs) = @_;
	my $errors = '';
	for my $run (@runs)
	{
		$run->{run}->finish;
		$acknowledged{$_} = 1 for grep { /^\d+\.\d+\.\d+$/ } split /\n/, slurp_file("$run->{file}.out");
		$errors .= $_ for grep { /(ERROR|WARNING):/ && !/postmaster exited while a schema change was made|terminating connection/ } split /^/, slurp_file("$run->{file}.err");
	}
	is($errors, '', "round $round: no statement failed before");
	return;
}

for my $round (1 .. 4)
{
	my @runs = start_all($round);
	usleep(600_000 + 200_000 * $round);
	if ($round % 2 == 1)
	{
		my $postmaster = $node->{_pid};
		$node->kill9;
		finish($round, @runs);
		start_again($postmaster);
		pass("round $round: the server starts after its postmaster was killed");
		check($round, "round $round");
	}
	else
	{
		kill_a_backend();
		finish($round, @runs);
		ok($node->poll_query_until('postgres', 'SELECT true'), "round $round: the server is back after a backend was killed");
		check($round, "round $round");
	}
}
is(sql($node, q~SELECT string_agg(DISTINCT mode, ',' ORDER BY mode) FROM schema_log WHERE mode IN ('deferred', 'inline', 'worker')~),
	'deferred,inline,worker', 'ingest changed tables in every way there is');
cmp_ok(sql($node, 'SELECT duplicates FROM stream_stats'), '>', 0, 'there were duplicates');
cmp_ok(sql($node, 'SELECT count(*) FROM rejected'), '>', 0, 'and rejections');
unlike(slurp_file($node->logfile), qr/terminated by signal (?!9:)/, 'no backend died by itself');

undamaged($node);

$node->stop;
done_testing();
