# A server that is short of something: of places in the lock table, of background workers; and a client that prepares
# its transactions. The client's statement succeeds and every attribute is kept.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use EventPipeline;
use PostgreSQL::Test::Utils;
use Test::More;

# The one place for a background worker is taken by the launcher of logical replication.
my $node = new_node('short', "timezone = 'UTC'", 'max_connections = 10', 'max_wal_senders = 0', 'autovacuum_max_workers = 1',
	'max_locks_per_transaction = 500', 'max_worker_processes = 1', 'max_prepared_transactions = 2');
# CREATE EXTENSION, with hundreds of objects, was the last that needed the room.
$node->adjust_conf('postgresql.conf', 'max_locks_per_transaction', 10);
# Since 18 each slot of autovacuum brings places in the lock table with it, whether it is used or not.
$node->adjust_conf('postgresql.conf', 'autovacuum_worker_slots', 1) if $node->pg_version >= 18;
$node->restart;

# What a statement says beside its result: errors and warnings.
sub said
{
	my ($statement) = @_;
	my ($status, undef, $stderr) = $node->psql('postgres', $statement);
	return $stderr =~ s/^psql:.*?: |\n.*//grs || $status;
}

sub row
{
	my ($k) = @_;
	return sql($node, "SELECT _ep_rescued FROM e WHERE k = $k AND event_time IN ('2020-01-01', '1999-01-01')");
}

sql($node, "SELECT create_stream('e', 'json', event_time => 'at', partition_interval => '1 hour')");
for my $day ('01' .. '25')
{
	sql($node, qq~INSERT INTO e_raw (payload) SELECT format('{"at": "2020-01-${day}T%s:00:00Z", "k": 0}', to_char(n, 'FM00'))
		FROM generate_series(0, 23) n~);
}

# --- a new attribute takes a lock for every partition: more than there is room for ---
is(said(q~INSERT INTO e_raw (payload) VALUES ('{"at": "2020-01-01", "k": 1, "late": 1}')~), '0',
	'a new attribute for more partitions than can be locked is no error');
is(row(1), '{"late": {"v": 1, "why": "lock"}}', 'and is kept');
is(said(q~BEGIN; INSERT INTO e_raw (payload) VALUES ('{"at": "2020-01-01", "k": 2, "late": 1}'); COMMIT~), '0', 'nor without a worker');
is(row(2), '{"late": {"v": 1, "why": "busy"}}', 'and is kept');

# --- so does every new partition ---
like(said(q~INSERT INTO e_raw (payload) SELECT format('{"at": "%s-01-01", "k": 3}', n) FROM generate_series(1600, 1899) n~),
	qr/^WARNING:  could not create partitions of "e": .*out of shared memory/, 'more new partitions than can be locked are a warning');
is(sql($node, q~SELECT raw_rows, events, typed, rejected FROM stream_stats WHERE stream = 'e'~), '902|902|602|300', 'their events are rejected');
is(said(q~INSERT INTO e_raw (payload) VALUES ('{"at": "1999-01-01", "k": 4}')~), '0', 'fewer are made');
is(row(4), '', 'and hold their events');

# --- two-phase commit ---
is(said(q~BEGIN; SELECT count(*) FROM e WHERE event_time = '2020-01-01'; INSERT INTO e_raw (payload) VALUES ('{"at": "2020-01-01", "k": 5, "late": 1}'); PREPARE TRANSACTION 'p'~),
	'0', 'a transaction with a rescued attribute can be prepared');
$node->stop('immediate');
$node->adjust_conf('postgresql.conf', 'max_worker_processes', 4);
$node->start;
sql($node, q~COMMIT PREPARED 'p'~);
is(row(5), '{"late": {"v": 1, "why": "lock"}}', 'and committed after a crash');

is(said(q~BEGIN; INSERT INTO e_raw (payload) VALUES ('{"at": "2020-01-01", "k": 6, "late": 1}'); COMMIT~), '0', 'the worker finds the lock table full');
is(row(6), '{"late": {"v": 1, "why": "lock"}}', 'and says so');
$node->adjust_conf('postgresql.conf', 'max_locks_per_transaction', 500);
$node->restart;
is(said(q~BEGIN; INSERT INTO e_raw (payload) VALUES ('{"at": "2020-01-01", "k": 7, "late": 1}'); PREPARE TRANSACTION 'p'~),
	'0', 'a transaction whose column a worker made can be prepared');
sql($node, q~COMMIT PREPARED 'p'~);
is(row(7), '', 'and has the column');
like(error_of($node, q~BEGIN; SELECT create_stream('n', 'json'); INSERT INTO n_raw (payload) VALUES ('{"k": 1}'); PREPARE TRANSACTION 'p'~),
	qr/cannot PREPARE a transaction that has executed LISTEN, UNLISTEN, or NOTIFY/, 'one that changed a table of its own cannot');
is(sql($node, q~SELECT raw_rows, typed FROM replay('e')~), '300|300', 'with room again all rejected events find their place');
is(sql($node, q~SELECT count(*) FROM verify('e', NULL)~), '0', 'nothing was lost');

$node->stop;
done_testing();
