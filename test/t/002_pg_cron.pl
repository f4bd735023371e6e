# The README's ten statements as they stand, and what schedule() promises: run_maintenance() under a real, preloaded
# pg_cron.  Its shortest period is a minute, so this waits for one run.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use EventPipeline;
use PostgreSQL::Test::Utils;
use Test::More;

my $libdir = `pg_config --pkglibdir`;
chomp $libdir;
plan skip_all => 'pg_cron is not installed' unless -e "$libdir/pg_cron.so";

my $node = new_node('cron', "shared_preload_libraries = 'pg_cron'", "cron.database_name = 'postgres'", "cron.host = '$ENV{PGHOST}'");

like(error_of($node, 'SELECT schedule()'), qr/ERROR:.*pg_cron.*\nHINT:.*CREATE EXTENSION pg_cron/s,
	'schedule() without pg_cron in the database says what to do');
$node->safe_psql('postgres', 'CREATE EXTENSION pg_cron');

my ($statements) = slurp_file(top_folder() . '/README.md') =~ /^## Ten statements.*?```sql\n(.*?)```/ms;
my ($status, $stdout, $stderr) = $node->psql('postgres', "SET search_path = public, event_pipeline;\n$statements");
is("$status$stderr", '0', 'the ten statements of the README run as they stand');
like($stdout, qr/^2026-03-01 08:00:01.*\|read\|18\|a1\|12\|ios$/m, 'an event is a row');
like($stdout, qr/^2026-03-01\|a1\|2\|2$/m, 'and counts in the rollup');

is(sql($node, 'SELECT count(*) FROM cron.job'), '1', 'schedule() makes one job');
sql($node, 'SELECT schedule()');
is(sql($node, 'SELECT count(*) FROM cron.job'), '1', 'and a second call changes that one');

sql($node, q~INSERT INTO app_events_raw (payload) VALUES ('{"article": "a2", "userId": 1, "occurred_at": "2026-03-01T09:00:00Z"}')~);
ok($node->poll_query_until('postgres', "SELECT count(*) > 0 FROM cron.job_run_details WHERE status IN ('succeeded', 'failed')"),
	'pg_cron runs the job');
is(sql($node, "SELECT DISTINCT status FROM cron.job_run_details WHERE end_time IS NOT NULL"), 'succeeded', 'the run succeeded')
  or diag(sql($node, 'SELECT status, return_message FROM cron.job_run_details'));
is(sql($node, "SELECT reads FROM reads_daily WHERE article = 'a2'"), '1', 'the rollup is fresh');
is(sql($node, 'SELECT count(*) FROM maintenance_log WHERE failures > 0'), '0', 'no step of the maintenance failed');

is(sql($node, 'SELECT unschedule(), count(*) FROM cron.job GROUP BY 1'), 't|1', 'unschedule() finds the job');
is(sql($node, 'SELECT count(*) FROM cron.job'), '0', 'and removes it');

$node->stop;
done_testing();
