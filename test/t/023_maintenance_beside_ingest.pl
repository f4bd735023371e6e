# pg_partman's own maintenance and two of ours run beside writers that need partitions, columns and tables: nobody fails, nobody
# deadlocks, event tables have no default partition and so no row in one, and nothing is lost.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use EventPipeline;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('busy', "timezone = 'UTC'", "deadlock_timeout = '100ms'", "autovacuum_naptime = '1s'");
load_oracle($node);
sql($node, q~SELECT create_stream('e', 'json', event_time => 'at', event_id => 'id', route_by => 'r');
	SELECT create_rollup('per_day', 'e', 'SELECT count(*) AS n FROM e WHERE event_time >= $1 AND event_time < $2', bucket => '1 day');
	INSERT INTO e_raw (payload) VALUES ('{"at": "2026-01-01", "id": "first"}')~);
# pg_partman makes many partitions ahead, so that it has something to do while others do the same.
my $partman = sql($node, 'SELECT _partman_schema()');
sql($node, "UPDATE $partman.part_config SET premake = premake + 5");

# Each script is a session of its own; a statement that would wait for a lock for long fails.
sub start
{
	my ($name, @statements) = @_;
	my $file = $node->basedir . "/$name";
	append_to_file("$file.sql", join "\n", "SET lock_timeout = '10s';", 'SET client_min_messages = warning;', @statements, '');
	return { name => $name, file => $file, run => IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'),
		'-f', "$file.sql" ], '<', '/dev/null', '>', "$file.out", '2>', "$file.err") };
}

# Old days, days to come that the maintenance makes too, tables of their own, now and then a new attribute.
sub inserts
{
	my ($w) = @_;
	my @statements;
	for my $n (1 .. 120)
	{
		my $day = $n % 3 == 0 ? "now() + interval '@{[$n % 12]} days'" : $n % 3 == 1 ? "timestamptz '2026-01-01' + interval '@{[$n % 40]} days'" : 'now()';
		my $route = $n % 4 == 0 ? 't' . $n % 8 : '';
		my $new = $n % 10 == 0 ? ", 'w${w}_n$n', $n" : ", 'n', $n";
		my $insert = "INSERT INTO e_raw (payload) SELECT json_build_object('at', $day, 'id', '$w.$n', 'r', '$route'$new);";
		push @statements, $n % 5 == 0 ? "BEGIN; $insert COMMIT;" : $insert;
	}
	return @statements;
}

my @sessions = (
	(map { start("writer$_", inserts($_)) } 1 .. 3),
	start('partman', ("CALL $partman.run_maintenance_proc(0, false, false);", "UPDATE $partman.part_config SET premake = premake + 1;") x 8),
	start('partman_function', ("SELECT $partman.run_maintenance(p_analyze => false, p_jobmon => false);") x 8),
	start('ours', ('CALL event_pipeline.run_maintenance();') x 12),
	start('ours_too', ('CALL event_pipeline.run_maintenance();') x 12),
	start('reader', ('SELECT count(*) FROM e;') x 50));
for my $session (@sessions)
{
	$session->{run}->finish;
	# A step of ours that did not get its lock in time says so and comes again.
	my $said = join '', grep { /(ERROR|WARNING):/ && !/maintenance step .* due to lock timeout/ } split /^/, slurp_file("$session->{file}.err");
	is($said, '', "$session->{name} neither failed nor was warned");
}

is(sql($node, q~SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
	WHERE i.inhparent IN (SELECT relation FROM _target) AND pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT'~), '0',
	'no event table has a default partition');
is(sql($node, 'SELECT count(*) FROM e_raw_default'), '0', 'and that of the raw table is empty');
is(sql($node, 'SELECT typed, rejected, duplicates FROM stream_stats'), '361|0|0', 'every event is a row');
is(sql($node, "SELECT * FROM oracle('e', 'id') LIMIT 5"), '', 'the event tables are what the raw table says');
is(sql($node, "SELECT * FROM verify('e', NULL) LIMIT 5"), '', 'so says verify()');
is(sql($node, "SELECT * FROM unbalanced('e')"), '', 'the counters balance');
sql($node, 'CALL event_pipeline.run_maintenance()');
is(sql($node, 'SELECT step, object, last_error FROM maintenance_log WHERE failures > 0'), '', 'no step of the maintenance fails');
sql($node, "SELECT refresh_rollup('per_day')");
is(sql($node, "SELECT count(*) FROM verify_rollup('per_day')"), '0', 'the rollup is right');
is(scalar(() = slurp_file($node->logfile) =~ /deadlock detected/g), 0, 'nobody deadlocked');
undamaged($node);

$node->stop;
done_testing();
