# What the extension remembers survives a restart, a crash, pg_dump into another database and another cluster, and
# pg_upgrade, and goes on from there.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use EventPipeline;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');

# Everything that must be the same before and after, as lines.
my $state = q{
	SELECT 'row', e::text FROM app_events e
	UNION ALL SELECT 'raw', r::text FROM app_events_raw r
	UNION ALL SELECT 'column', format('%s %s %s %s', stream, path, column_name, column_type) FROM stream_columns
	UNION ALL SELECT 'log', format('%s %s %s', operation, path, column_type) FROM schema_log
	UNION ALL SELECT 'rejected', format('%s %s %s', raw_id, sqlstate, message) FROM rejected
	UNION ALL SELECT 'rollup', d::text FROM per_day d
	UNION ALL SELECT 'log', l::text FROM logs l
	UNION ALL SELECT 'log found', l.name FROM logs l WHERE log = '\x4445564300010000'
	UNION ALL SELECT 'stats', format('%s %s %s %s %s', raw_rows, bytes, events, typed, duplicates) FROM stream_stats
	UNION ALL SELECT 'books', sum(missing)::text FROM reconcile('app_events')
	ORDER BY 1, 2};

sub send_event
{
	my ($event, $database, $there) = @_;
	sql($there // $node, "INSERT INTO app_events_raw (payload) VALUES (\$j\$$event\$j\$)", $database);
	return;
}

sql($node, q{
	SELECT create_stream('app_events', 'json', event_time => 'at', event_id => 'id');
	SELECT create_rollup('per_day', 'app_events',
		'SELECT count(*) AS events FROM app_events WHERE event_time >= $1 AND event_time < $2', bucket => '1 day')});
sql($node, q{
	CREATE TABLE logs (name text, log gpmf);
	INSERT INTO logs VALUES ('empty', '\x4445564300010000'), ('padded', '\x444556430001000000000000');
	CREATE INDEX ON logs USING hash (log)});
send_event('{"id": "1", "at": "2026-03-01T00:00:00Z", "eventType": "click"}');
send_event('{"id": "2", "at": "2019-03-01T00:00:00Z", "event_type": "click", "big": 12345678901234567890}');
send_event('{"id": "1", "at": "2026-03-01T00:00:00Z"}');
send_event('{"id": "3", ');
sql($node, "SELECT refresh_rollup('per_day')");
my $before = sql($node, $state);
like($before, qr/^rollup\|/m, 'there is something to keep');

$node->restart;
is(sql($node, $state), $before, 'a restart changes nothing');
$node->stop('immediate');
$node->start;
is(sql($node, $state), $before, 'a crash changes nothing');

my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'pg_dump');
# Into another database, and into another cluster, where transaction ids and table numbers mean nothing.
my $other = new_node('other');
for my $there ($node, $other)
{
	$there->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
	$there->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $there->connstr('restored') ],
		'the dump loads without an error into ' . $there->name);
	is(sql($there, $state, 'restored'), $before, 'and everything is the same there');
}

# Maintenance takes nothing that was taken before the dump for something that was not ingested.
for my $place ([ $node, 'restored' ], [ $other, 'restored' ])
{
	my ($there, $database) = @$place;
	sql($there, 'CALL event_pipeline.run_maintenance()', $database) for 1 .. 2;
	is(sql($there, $state, $database), $before, 'maintenance leaves the restored stream alone');
}

# It goes on: known attributes find their columns, new ones get theirs, events of old days their partition, and doubles
# are still doubles.
for my $place ([ $node, 'postgres' ], [ $node, 'restored' ], [ $other, 'restored' ])
{
	my ($there, $database) = @$place;
	my $name = $there->name . '.' . $database;
	send_event($_, $database, $there) for
		'{"id": "4", "at": "2026-03-01T12:00:00Z", "EventType": "scroll", "depth": 0.5}',
		'{"id": "1", "at": "2026-03-01T00:00:00Z", "eventType": "again"}',
		'{"id": "5", "at": "2011-11-11T11:11:11Z", "eventType": "old"}';
	is(sql($there, 'SELECT id, event_type, depth FROM app_events ORDER BY event_time', $database),
		"5|old|\n2|click|\n1|click|\n4|scroll|0.5", "$name goes on ingesting, and knows the identifiers it has seen");
	sql($there, "SELECT refresh_rollup('per_day')", $database);
	is(sql($there, 'SELECT string_agg(events::text, \',\' ORDER BY bucket) FROM per_day', $database), '1,1,2', "$name keeps its rollup fresh");
	is(sql($there, "SELECT count(*) FROM verify_rollup('per_day')", $database), '0', 'and right');
}

# pg_upgrade moves the files and keeps the numbers of tables.
my $upgraded = PostgreSQL::Test::Cluster->new('upgraded');
$upgraded->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
my $as_it_was = sql($other, $state, 'restored');
$other->stop;
chomp(my $bindir = `pg_config --bindir`);
chdir $upgraded->basedir;
command_ok([ 'pg_upgrade', '-b', $bindir, '-B', $bindir, '-d', $other->data_dir, '-D', $upgraded->data_dir,
	'-p', $other->port, '-P', $upgraded->port, '-s', $other->host ], 'pg_upgrade');
$upgraded->start;
is(sql($upgraded, $state, 'restored'), $as_it_was, 'everything is the same after pg_upgrade');
send_event('{"id": "6", "at": "2026-03-01T13:00:00Z", "eventType": "after", "new": true}', 'restored', $upgraded);
is(sql($upgraded, "SELECT event_type, new FROM app_events WHERE id = '6'", 'restored'), 'after|t', 'and it goes on ingesting');
sql($upgraded, "SELECT refresh_rollup('per_day')", 'restored');
is(sql($upgraded, "SELECT count(*) FROM verify_rollup('per_day')", 'restored'), '0', 'and its rollup is right');

sql($node, "SELECT drop_stream('app_events')", 'restored');
is(sql($node, 'SELECT count(*) FROM stream_columns', 'restored'), '0', 'the restored stream can be dropped');
is(sql($node, "SELECT count(*) > 0 FROM stream_columns"), 't', 'and the other database keeps its own');

# --- what a stream knows beside its rows: routed tables, rescued values, taken ids, rejections; by a plain dump, by two
# processes at once, and the data alone into tables that are there ---
load_oracle($node);
sql($node, q{
	SELECT create_stream('e', 'json', event_time => 'at', event_id => 'id', route_by => 'r', settings => '{"max_columns": 12}');
	INSERT INTO e_raw (payload) VALUES
		('[{"at": "2026-03-01", "id": "a", "n": 1}, {"at": "2026-03-01", "id": "a", "n": 2}, {"at": "2026-03-01", "id": "b", "n": "text"}]'),
		('{"at": "2024-02-29", "id": "c", "r": "x", "n": 1.5}'), ('[{"at": "2026-03-01", "id": "d", "n": 4, "late": 1}, {"id": "e", "n": 5}]'),
		('{"at": "2026-03-01", "id": "f", "c1": 1, "c2": 2, "c3": 3, "c4": 4, "c5": 5, "c6": 6}');
	ALTER TABLE e ADD CONSTRAINT small CHECK (n < 100);
	INSERT INTO e_raw (payload) VALUES ('{"at": "2026-03-01", "id": "g", "n": 1000}');
	-- what is rescued on this side is not promoted on the other, so that both can be compared
	BEGIN; SELECT count(*) FROM e; INSERT INTO e_raw (payload) VALUES ('{"at": "2026-03-01", "id": "h", "rescued": 1}'); COMMIT});
my $knows = q{
	SELECT 'row', to_jsonb(e)::text FROM e UNION ALL SELECT 'routed', to_jsonb(x)::text FROM e_x x UNION ALL SELECT 'raw', r::text FROM e_raw r
	UNION ALL SELECT 'column', format('%s %s %s %s', target, path, column_name, column_type) FROM stream_columns WHERE stream = 'e'
	UNION ALL SELECT 'id', (i.event_id, i.event_time)::text FROM e_ids i
	UNION ALL SELECT 'rejected', format('%s %s %s %s', raw_id, seq, sqlstate, message) FROM rejected WHERE stream = 'e'
	UNION ALL SELECT 'stats', format('%s %s %s %s', raw_rows, typed, rejected, duplicates) FROM stream_stats WHERE stream = 'e'
	ORDER BY 1, 2};
my $known = sql($node, $knows);
like($known, qr/^stats\|6 6 2 1$/m, 'there are rejections and a duplicate');
like($known, qr/"why": "limit"/, 'and rescued values');

# The schema first, without triggers, for the data alone.
my $archive = $node->basedir . '/dump.dir';
$node->command_ok([ 'pg_dump', '-Fd', '-f', $archive, $node->connstr('postgres') ], 'pg_dump into a directory');
for my $way ([ 'parallel', [ '-j2' ] ], [ 'in_parts', ['--section=pre-data'], [ '--data-only', '--disable-triggers' ], ['--section=post-data'] ])
{
	my ($there, @parts) = @$way;
	$node->safe_psql('postgres', "CREATE DATABASE $there TEMPLATE template0");
	$node->command_ok([ 'pg_restore', '--exit-on-error', @$_, '-d', $node->connstr($there), $archive ], "pg_restore @$_") for @parts;
	is(sql($node, $knows, $there), $known, "$there: everything is the same");
	is(sql($node, "SELECT * FROM verify('e', NULL)", $there), '', 'and verified');
	sql($node, q{
		ALTER TABLE e DROP CONSTRAINT small;
		INSERT INTO e_raw (payload) VALUES ('[{"at": "2026-03-02", "id": "a", "n": 7}, {"at": "2026-03-02", "id": "z", "n": 8, "late": 2}, {"at": "2020-01-01", "id": "y", "r": "y"}]'),
			('{"at": "2026-03-02", "id": "c", "r": "x"}')}, $there);
	is(sql($node, q{SELECT n, late, _ep_rescued FROM e WHERE id = 'z'}, $there), '8|2|', 'it ingests into the same columns');
	is(sql($node, q{SELECT count(*) FROM e_y}, $there), '1', 'and makes tables and partitions');
	is(sql($node, q{SELECT duplicates FROM stream_stats WHERE stream = 'e'}, $there), '3', 'duplicates are still known');
	is(sql($node, q{SELECT events, typed, rejected, duplicates FROM replay('e')}, $there), '2|1|1|0', 'replay() tries again what was rejected');
	is(sql($node, "SELECT * FROM oracle('e', 'id') UNION ALL SELECT unbalanced, NULL, NULL, NULL, NULL FROM unbalanced('e')", $there), '', 'the tables are what the raw table says, the counters balance');
	sql($node, 'CALL event_pipeline.run_maintenance()', $there);
	is(sql($node, "SELECT step, object, last_error FROM maintenance_log WHERE failures > 0", $there), '', 'and its maintenance runs');
}

undamaged($node, "no heap or index of $_ is damaged", $_) for qw(postgres restored parallel in_parts);
undamaged($upgraded, 'nor after pg_upgrade', 'restored');
$_->stop for $node, $upgraded;
done_testing();
