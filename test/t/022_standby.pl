# A physical standby serves readers through ingest that adds columns, partitions and tables; what it has caught up with is what
# the primary has; promoted, it ingests at once.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use EventPipeline;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# As init(allows_streaming) sets it, which new_node() does not know.
my $primary = new_node('primary', "timezone = 'UTC'", 'wal_level = replica', 'max_wal_senders = 4', 'hot_standby = on', 'autovacuum = off');
$primary->set_replication_conf;
load_oracle($primary);
sql($primary, q~SELECT create_stream('e', 'json', event_time => 'at', event_id => 'id', route_by => 'r');
	INSERT INTO e_raw (payload) VALUES ('{"at": "2026-01-01", "id": "first", "k": 0}')~);
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
# Readers are to be left alone for as long as this test takes.
$standby->append_conf('postgresql.conf', 'max_standby_streaming_delay = 60s');
$standby->start;

my $all = q~SELECT 'e', to_jsonb(e)::text FROM e UNION ALL SELECT 'raw', r::text FROM e_raw r
	UNION ALL SELECT 'column', c::text FROM stream_columns c UNION ALL SELECT 'stats', s::text FROM stream_stats s
	UNION ALL SELECT 'rejected', j::text FROM rejected j ORDER BY 1, 2~;

# A reader that comes again and again, on the standby, with a plan that it has kept.
my $reader = $standby->background_psql('postgres');
$reader->query_safe('SET search_path = public, event_pipeline; PREPARE p AS SELECT count(*), max(k) FROM e');
my $last = 0;
for my $n (1 .. 14)
{
	sql($primary, qq~INSERT INTO e_raw (payload) VALUES ('{"at": "2026-02-0@{[1 + $n % 9]}", "id": "i$n", "k": $n, "new_$n": $n, "r": "@{[$n % 5 ? '' : "t$n"]}"}');
		BEGIN; INSERT INTO e_raw (payload) VALUES ('[{"at": "2026-03-0@{[1 + $n % 9]}", "id": "j$n", "k": $n, "block_$n": "x"}, {"id": 1}]'); COMMIT~);
	my ($count, $most) = split /\|/, $reader->query_safe('EXECUTE p');
	BAIL_OUT("the reader saw $count rows after $last") if $count < $last;
	$last = $count;
}
$primary->wait_for_catchup($standby, 'replay');
my $there = $reader->query_safe('EXECUTE p');
is($there, sql($primary, 'SELECT count(*), max(k) FROM e'), 'a reader with a prepared statement sees all that came');
is($reader->query_safe('SELECT new_14, block_14 FROM e WHERE new_14 = 14 OR block_14 IS NOT NULL ORDER BY 1'), "14|\n|x", 'and the columns that came with it');
is(sql($standby, $all), sql($primary, $all), 'both servers hold the same');
like(error_of($standby, q~INSERT INTO e_raw (payload) VALUES ('{"k": 1}')~), qr/read-only transaction/, 'a standby does not ingest');

# A transaction that has read a table holds back the replay of its next change, and is not cancelled within the delay.
$reader->query_safe('BEGIN; SELECT count(*) FROM e');
sql($primary, q~INSERT INTO e_raw (payload) VALUES ('{"at": "2026-02-01", "id": "held", "held": true}')~);
is($reader->query_safe('SELECT count(*) FROM e_t5'), '1', 'a reader in a transaction goes on');
$reader->query_safe('COMMIT');
$primary->wait_for_catchup($standby, 'replay');
is($reader->query_safe(q~SELECT held FROM e WHERE id = 'held'~), 't', 'and sees the new column afterwards');

# --- promotion ---
$primary->stop('immediate');
$standby->promote;
is(sql($standby, q~INSERT INTO e_raw (payload) VALUES ('{"at": "2026-05-05", "id": "promoted", "after": 1}'), ('{"at": "2026-05-05", "id": "first", "after": 2}');
	SELECT after, _ep_rescued FROM e WHERE id = 'promoted'~), '1|', 'the promoted server makes columns and partitions at once');
is(sql($standby, q~BEGIN; INSERT INTO e_raw (payload) VALUES ('{"at": "2026-05-06", "id": "block", "in_block": 1}'); COMMIT;
	SELECT in_block, _ep_rescued FROM e WHERE id = 'block'~), '1|', 'also by a worker');
is(sql($standby, q~SELECT duplicates FROM stream_stats~), '1', 'and knows the ids it was told of');
is(sql($standby, "SELECT * FROM oracle('e', 'id')"), '', 'its tables are what its raw table says');
is(sql($standby, "SELECT * FROM verify('e', NULL)"), '', 'so says verify()');
is(sql($standby, "SELECT * FROM unbalanced('e')"), '', 'its counters balance');
sql($standby, 'CALL event_pipeline.run_maintenance()');
is(sql($standby, 'SELECT step, last_error FROM maintenance_log WHERE failures > 0'), '', 'its maintenance runs');
undamaged($standby);

$reader->quit;
$standby->stop;
done_testing();
