# Rows that come into a raw table beside its triggers: by a logical subscription, its first copy and what it applies later, by
# session_replication_role = replica, straight into a partition. Maintenance ingests each of them, once, whatever came by the triggers meanwhile.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use EventPipeline;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('apply', "timezone = 'UTC'", 'wal_level = logical', 'max_wal_senders = 8', 'max_replication_slots = 8', 'max_logical_replication_workers = 8',
	'max_prepared_transactions = 2');
load_oracle($node);
sql($node, "SELECT create_stream('e', 'json', event_time => 'at', event_id => 'id')");

# The publisher needs no extension. The raw table here numbers the rows itself.
$node->safe_psql('postgres', 'CREATE DATABASE source');
$node->safe_psql('source', q~CREATE TABLE e_raw (source text, payload text);
	INSERT INTO e_raw SELECT 'copied', format('[{"at": "2026-01-01", "id": "c%s", "n": %s}, {"at": "2026-01-02", "id": "d%s", "n": %s}]', n, n, n, n) FROM generate_series(1, 50) n;
	CREATE PUBLICATION p FOR TABLE e_raw;
	SELECT pg_create_logical_replication_slot('s', 'pgoutput')~);
$node->safe_psql('postgres', 'CREATE SUBSCRIPTION s CONNECTION ' . "'" . ($node->connstr('source') =~ s/'/''/gr) . "'" . q~ PUBLICATION p WITH (create_slot = false, slot_name = 's')~);

sub arrived
{
	my ($rows, $what) = @_;
	ok($node->poll_query_until('postgres', "SELECT count(*) = $rows FROM e_raw WHERE source <> 'here'"), $what);
	return;
}

# Everything is ingested and only once, also when maintenance runs again.
sub taken
{
	my ($typed, $duplicates, $what) = @_;
	for my $run ('', ', and again')
	{
		sql($node, 'CALL event_pipeline.run_maintenance()');
		is(sql($node, 'SELECT count(*), (SELECT typed FROM stream_stats), (SELECT sum(duplicates) FROM reconcile(~e~)) FROM e' =~ s/~/'/gr), "$typed|$typed|$duplicates", "$what$run");
		is(sql($node, "SELECT * FROM oracle('e', 'id')"), '', "$what$run: the table is what the raw table says");
		is(sql($node, "SELECT sum(missing) FROM reconcile('e')"), '0', "$what$run: nothing is missing");
	}
	return;
}

arrived(50, 'the first copy arrives');
is(sql($node, 'SELECT count(*) FROM e'), '0', 'the subscription fires no trigger of the raw table');
taken(100, 0, 'the first copy is ingested by maintenance');

# What is applied later, in transactions small and large, while others come by the triggers with ids of their own or the same.
$node->safe_psql('source', q~INSERT INTO e_raw VALUES ('applied', '{"at": "2026-01-03", "id": "a1", "late": true}')~);
sql($node, q~INSERT INTO e_raw (source, payload) VALUES ('here', '{"at": "2026-01-03", "id": "h1"}'), ('here', '{"at": "2026-01-03", "id": "c1"}')~);
$node->safe_psql('source', q~BEGIN; INSERT INTO e_raw SELECT 'applied', format('{"at": "2026-01-0%s", "id": "b%s"}', 1 + n % 9, n) FROM generate_series(1, 2000) n;
	INSERT INTO e_raw VALUES ('applied', '{"at": "2026-01-03", "id": "h1"}'), ('applied', '{"at": "never", "id": "bad"}'); COMMIT~);
arrived(50 + 1 + 2002, 'what is applied arrives');
is(sql($node, q~SELECT count(*) FROM e WHERE id LIKE 'b%'~), '0', 'and fires no trigger either');
taken(100 + 1 + 1 + 2000, 2, 'what is applied is ingested by maintenance');
is(sql($node, q~SELECT stage, attempts FROM rejected~), 'time|1', 'what has no time is rejected, once');
is(sql($node, 'SELECT count(*) FROM e WHERE late'), '1', 'new attributes have their columns');

# The other ways round the triggers.
sql($node, q~SET session_replication_role = replica; INSERT INTO e_raw (source, payload) VALUES ('here', '{"at": "2026-01-04", "id": "r1"}')~);
my $leaf = sql($node, q~SELECT tableoid::regclass FROM e_raw ORDER BY raw_id DESC LIMIT 1~);
sql($node, qq~INSERT INTO $leaf (raw_id, received_at, source, payload) OVERRIDING SYSTEM VALUE
	VALUES (nextval(pg_get_serial_sequence('e_raw', 'raw_id')), now(), 'here', '{"at": "2026-01-04", "id": "r2"}')~);
is(sql($node, q~SELECT count(*) FROM e WHERE id LIKE 'r%'~), '0', 'neither way fires the triggers');
taken(2102 + 2, 2, 'rows of a replica session and of a partition are ingested by maintenance');

# A replica session can be made to fire them; apply cannot: there are no statements.
sql($node, join ';', map { "ALTER TABLE e_raw ENABLE ALWAYS TRIGGER $_" } qw(_ep_begin _ep_departed _ep_ingest));
sql($node, q~SET session_replication_role = replica; INSERT INTO e_raw (source, payload) VALUES ('here', '{"at": "2026-01-04", "id": "r3"}')~);
is(sql($node, q~SELECT count(*) FROM e WHERE id = 'r3'~), '1', 'triggers that are ENABLE ALWAYS fire in a replica session');
$node->safe_psql('source', q~INSERT INTO e_raw VALUES ('applied', '{"at": "2026-01-03", "id": "a2"}')~);
arrived(50 + 1 + 2002 + 1, 'rows go on arriving');
taken(2104 + 2, 2, 'maintenance goes on ingesting them');

# One that is prepared while others come and go, and committed after a restart, has lower ids than what was looked at meanwhile.
sql($node, q~ALTER TABLE e_raw DISABLE TRIGGER USER~);
sql($node, q~BEGIN; INSERT INTO e_raw (source, payload) VALUES ('here', '{"at": "2026-01-05", "id": "p1"}'); PREPARE TRANSACTION 'p'~);
$node->safe_psql('source', q~INSERT INTO e_raw VALUES ('applied', '{"at": "2026-01-05", "id": "a3"}')~);
arrived(50 + 1 + 2002 + 2, 'a row with a higher id arrives');
sql($node, 'CALL event_pipeline.run_maintenance()') for 1 .. 3;
$node->restart;
sql($node, 'CALL event_pipeline.run_maintenance()') for 1 .. 3;
sql($node, q~COMMIT PREPARED 'p'~);
taken(2106 + 2, 2, 'what was prepared is ingested once it is committed');

$node->safe_psql('postgres', 'ALTER SUBSCRIPTION s DISABLE; ALTER SUBSCRIPTION s SET (slot_name = NONE); DROP SUBSCRIPTION s');
undamaged($node);

$node->stop;
done_testing();
