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
my $job = sql($node, 'SELECT jobid FROM cron.job');
is(sql($node, "SELECT schedule('*/5 * * * *')"), $job, 'a second call gives the same job');
is(sql($node, 'SELECT schedule FROM cron.job'), '*/5 * * * *', 'and changes its times');
sql($node, 'SELECT schedule()');
is(sql($node, 'SELECT database, command, schedule, active FROM cron.job'), 'postgres|CALL event_pipeline.run_maintenance()|* * * * *|t',
	'the job is for this database, every minute');

# pg_cron serves one database; elsewhere it is said what to run there, and that does it.
sql($node, 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION event_pipeline CASCADE');
my ($ret, $out, $err) = $node->psql('other', 'SELECT event_pipeline.schedule()');
my ($remedy) = $err =~ /HINT:  In database postgres: (SELECT .*;)/;
ok($remedy, 'in another database the error says what to run where') or diag($err);
sql($node, $remedy);
is(sql($node, 'SELECT count(*) FROM cron.job'), '2', 'both databases have a job');
($ret, $out, $err) = $node->psql('other', "SELECT event_pipeline.schedule('*/5 * * * *')");
like($err, qr{HINT:  In database postgres: .*'\*/5 \* \* \* \*'}, 'at the times that were asked for');

# Something that fails, and what pg_cron remembers: runs of ours, of others and of other databases.
sql($node, q~SELECT create_rollup('broken', 'app_events', 'SELECT sum(1 / (length(article) - length(article))) AS n FROM app_events
	WHERE event_time >= $1 AND event_time < $2', '1 day')~);
sql($node, q~INSERT INTO cron.job_run_details (jobid, runid, database, username, command, status, start_time, end_time)
	SELECT 1, -runid, database, 'postgres', command, 'succeeded', now() - days * interval '1 day', now() - days * interval '1 day'
	FROM (VALUES (6, 'postgres', 'CALL event_pipeline.run_maintenance()', 8), (5, 'postgres', 'CALL event_pipeline.run_maintenance()', NULL),
		(4, 'postgres', 'CALL event_pipeline.run_maintenance()', 8), (3, 'postgres', 'CALL event_pipeline.run_maintenance()', 6),
		(2, 'postgres', 'SELECT 1', 8), (1, 'elsewhere', 'CALL event_pipeline.run_maintenance()', 8)) v (runid, database, command, days)~);

sql($node, q~INSERT INTO app_events_raw (payload) VALUES ('{"article": "a2", "userId": 1, "occurred_at": "2026-03-01T09:00:00Z"}')~);
ok($node->poll_query_until('postgres',
		"SELECT count(DISTINCT database) = 2 FROM cron.job_run_details WHERE runid > 0 AND status IN ('succeeded', 'failed')"),
	'pg_cron runs the jobs');
is(sql($node, "SELECT DISTINCT database, status FROM cron.job_run_details WHERE runid > 0 AND end_time IS NOT NULL ORDER BY 1"),
	"other|succeeded\npostgres|succeeded", 'the runs succeeded')
  or diag(sql($node, 'SELECT database, status, return_message FROM cron.job_run_details'));
ok($node->safe_psql('other', 'SELECT count(*) > 0 FROM event_pipeline.maintenance_log'), 'the other database was maintained, too');
is(sql($node, "SELECT reads FROM reads_daily WHERE article = 'a2'"), '1', 'the rollup is fresh');
is(sql($node, "SELECT failures > 0, dirty, last_error FROM rollup_status WHERE rollup = 'broken'::regclass"),
	't|1|bucket 2026-03-01 00:00:00+00: division by zero', 'rollup_status says which rollup failed, and why');
is(sql($node, 'SELECT step, object FROM maintenance_log WHERE failures > 0'), 'refresh|public.broken', 'so does maintenance_log, and nothing else failed');
is(sql($node, 'SELECT string_agg((-runid)::text, \' \' ORDER BY runid) FROM cron.job_run_details WHERE runid < 0'), '3 2 1',
	'of the runs that pg_cron remembers those of this job and more than a week ago are gone');
sql($node, "SELECT drop_rollup('broken')");
sql($node, 'CALL event_pipeline.run_maintenance()');
is(sql($node, 'SELECT step, object FROM maintenance_log WHERE failures > 0'), '', 'once it is mended nothing is said to fail');

is(sql($node, 'SELECT unschedule()'), 't', 'unschedule() finds the job');
is(sql($node, 'SELECT database FROM cron.job'), 'other', 'and removes it alone');
is(sql($node, 'SELECT unschedule()'), 'f', 'and finds it no more');
($ret, $out, $err) = $node->psql('other', 'SELECT event_pipeline.unschedule()');
($remedy) = $err =~ /HINT:  In database postgres: (SELECT .*;)/;
is(sql($node, $remedy // 'SELECT NULL'), 't', 'unschedule() in another database says what ends its job');
is(sql($node, 'SELECT count(*) FROM cron.job'), '0', 'and that does it');

$node->stop;
done_testing();
