# Property: after any sequence of late, doubled, corrected, deleted and uncommitted events the flight table and its
# fleet rollup are those computed from scratch.
# Thousands of flights of 50 drones; each round does some of it at random, refreshes, and compares. EP_SEED and EP_ROUNDS choose others.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use EventPipeline;
use Test::More;

my $seed = $ENV{EP_SEED} // 42;
my $rounds = $ENV{EP_ROUNDS} // 24;
srand $seed;
note("seed $seed, $rounds rounds");

my $node = new_node('flight_table_random', "timezone = 'UTC'", 'max_prepared_transactions = 10', 'autovacuum = off', 'fsync = off', "lock_timeout = '20s'");

# The world: events as drones send them, in the order of a hash. Boots without an id, without GPS, with a wrong clock; lost events;
# bounces, repeats and reboots in the air; half of the drones name themselves by number.
sql($node, <<'SQL');
SELECT create_stream('drone_events', 'json', event_time => 'at');
CREATE FUNCTION chance(text) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT hashtext($1) / 4294967296.0 + 0.5 $$;
CREATE TABLE world AS
SELECT row_number() OVER (ORDER BY md5(id)) AS n, false AS sent, d,
       jsonb_strip_nulls(jsonb_build_object(
           'at', start + uptime * interval '1 ms', 'event_id', id, 'drone_id', CASE WHEN d % 2 = 0 THEN to_jsonb(d) ELSE to_jsonb('k' || d) END,
           'type', kind, 'boot_id', CASE WHEN (d + b) % 6 > 0 THEN format('b%s', b) END, 'upload_id', format('u%s-%s', b, (chance(id || 'u') * 3)::int),
           'seq', uptime, 'device_uptime_ms', CASE WHEN chance(id || 'f') < 0.02 THEN to_jsonb(uptime + 0.5) ELSE to_jsonb(uptime) END,
           'device_clock', CASE WHEN b % 4 = 0 THEN timestamptz '2000-01-01' ELSE start + interval '1 s' END + uptime * interval '1 ms',
           'gps_time', CASE WHEN (d + b) % 3 > 0 THEN start + uptime * interval '1 ms' + chance(id || 'g') * interval '20 ms' END,
           'gps_fix', (chance(id || 'x') * 4)::int, 'received_at', start + uptime * interval '1 ms' + chance(id || 'r') * interval '3 days')) AS event
FROM generate_series(1, 50) d, generate_series(1, 14) b,
     LATERAL (SELECT timestamptz '2026-03-01' + (b * 400 + d) * interval '5 min' AS start) s,
     generate_series(0, 5) f,
     (VALUES ('takeoff', 60000), ('status', 120000), ('landing', 300000), ('takeoff', 301500), ('landing', 500000), ('landing', 501000)) k(kind, after),
     LATERAL (SELECT format('%s-%s-%s-%s', d, b, f, k.after) AS id, (after + f * 700000 + d * 1000)::bigint AS uptime) e
WHERE chance(id) < CASE WHEN after IN (301500, 501000) THEN 0.1 ELSE 0.92 END AND NOT (b % 5 = 1 AND f = 5 AND kind = 'landing');

-- Send some of the world; statements and rows in random order.
CREATE FUNCTION send(condition text, most int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part int;
BEGIN
    FOR part IN 0 .. 2 LOOP
        EXECUTE format('WITH chosen AS (UPDATE world SET sent = true WHERE n IN (SELECT n FROM world WHERE n %% 3 = %s AND (%s) ORDER BY random() LIMIT %s)
                                        RETURNING event)
                        INSERT INTO drone_events_raw (payload) SELECT string_agg(event::text, E''\n'' ORDER BY random()) FROM chosen HAVING count(*) > 0',
                       part, condition, most / 3);
    END LOOP;
END $$;
SELECT send('d = 1', 3);        -- the column of drones is of texts
SELECT send('n % 10 < 2', 100000);
SELECT create_flight_table('flights', 'drone_events');
SELECT create_fleet_rollup('fleet', 'flights', 'America/New_York');   -- the clocks change on 2026-03-08
SQL

# Rows of the kept tables that differ from tables made from scratch.
sub differences
{
	my ($as_of) = @_;
	return sql($node, "BEGIN; SELECT create_flight_table('scratch', 'drone_events') \\g /dev/null
		SELECT refresh_flight_table('scratch', '$as_of') \\g /dev/null
		SELECT 'kept', d FROM (TABLE flights EXCEPT ALL TABLE scratch) d UNION ALL SELECT 'from scratch', d FROM (TABLE scratch EXCEPT ALL TABLE flights) d ORDER BY 2;
		SELECT create_fleet_rollup('scratch_fleet', 'scratch', 'America/New_York') \\g /dev/null
		SELECT 'kept', d FROM (TABLE fleet EXCEPT ALL TABLE scratch_fleet) d UNION ALL SELECT 'from scratch', d FROM (TABLE scratch_fleet EXCEPT ALL TABLE fleet) d;
		ROLLBACK");
}

sub act { my ($statements) = @_; return sql($node, 'SELECT setseed(' . rand() . ') \g /dev/null' . "\n$statements"); }
sub some { my ($n) = @_; return "(n::bigint * 7919 + " . int(rand 1e9) . ") % $n = 0"; }

my @actions = (
	[ 'late events' => sub { act("SELECT send('NOT sent', 1500)") } ],
	[ 'doubled events' => sub { act("SELECT send('sent', 600)") } ],
	[ 'events uploaded again by another upload' => sub { act("INSERT INTO drone_events_raw (payload)
		SELECT string_agg((event || '{\"upload_id\": \"a" . int(rand 9) . "\"}')::text, E'\\n') FROM world WHERE sent AND " . some(61)) } ],
	[ 'one late event each of some drones' => sub { act("INSERT INTO drone_events_raw (payload)
		SELECT event::text FROM (SELECT DISTINCT ON (d) event, d FROM world WHERE " . some(7) . ") x ORDER BY random() LIMIT 5") } ],
	[ 'corrected uptimes' => sub { act("UPDATE drone_events e SET device_uptime_ms = device_uptime_ms + " . int(rand 400000) .
		" FROM world w WHERE w.event ->> 'event_id' = e.event_id AND " . some(97)) } ],
	[ 'corrected types, drones and boots' => sub { act("UPDATE drone_events e SET type = 'landing', boot_id = 'b" . int(rand 14) . "', drone_id = 'k" .
		(1 + 2 * int(rand 25)) . "' FROM world w WHERE w.event ->> 'event_id' = e.event_id AND " . some(499)) } ],
	[ 'events moved to another day' => sub { act("UPDATE drone_events e SET event_time = (SELECT event_time FROM drone_events ORDER BY random() LIMIT 1)
		FROM world w WHERE w.event ->> 'event_id' = e.event_id AND " . some(149)) } ],
	[ 'deleted events' => sub { act("DELETE FROM drone_events e USING world w WHERE w.event ->> 'event_id' = e.event_id AND " . some(71)) } ],
	[ 'a deleted drone' => sub { my $d = 1 + int rand 50; sql($node, "DELETE FROM drone_events WHERE drone_id = 'k$d' OR drone_id__bigint = $d") } ],
	[ 'a deleted boot' => sub { act("DELETE FROM drone_events WHERE boot_id = 'b" . int(rand 14) . "' AND random() < 0.3") } ],
	[ 'clocks that come late' => sub { act("INSERT INTO drone_events_raw (payload)
		SELECT string_agg(jsonb_build_object('at', at, 'event_id', 'fix-' || d || '-' || boot || '-' || " . int(rand 1000) . ", 'drone_id', drone, 'type', 'fix',
			'boot_id', boot, 'device_uptime_ms', 9000000, 'gps_fix', 3, 'gps_time', at::timestamptz + interval '" . int(rand 4000) . " ms', 'received_at', '2026-05-01Z')::text, E'\\n')
		FROM (SELECT d, event -> 'drone_id' AS drone, event ->> 'boot_id' AS boot, max(event ->> 'at') AS at FROM world
			WHERE sent AND event ? 'boot_id' GROUP BY 1, 2, 3 ORDER BY random() LIMIT 12) x") } ],
	[ 'events of a subtransaction, others rolled back' => sub { act("BEGIN; SELECT send('NOT sent', 60); SAVEPOINT a; SELECT send('NOT sent', 60); SAVEPOINT b;
		DELETE FROM drone_events WHERE random() < 0.01; ROLLBACK TO b; SELECT send('NOT sent', 30); RELEASE a; COMMIT") } ],
	[ 'a refresh beside a transaction that commits later' => sub { act("BEGIN; SAVEPOINT a; SELECT send('NOT sent', 60); RELEASE a;
		UPDATE drone_events SET type = 'status' WHERE random() < 0.002; DELETE FROM drone_events WHERE random() < 0.003; PREPARE TRANSACTION 'late'");
		act("INSERT INTO drone_events_raw (payload) SELECT event::text FROM world WHERE sent LIMIT 1; SELECT refresh_flight_table('flights', '2026-04-01')");
		act("COMMIT PREPARED 'late'") } ],
	[ 'a refresh that is rolled back' => sub { act("BEGIN; SELECT send('NOT sent', 90); SELECT refresh_flight_table('flights', '2026-04-01'); ROLLBACK") } ],
	[ 'a refresh in the transaction that changes' => sub { act("BEGIN; SELECT send('NOT sent', 90); SELECT refresh_flight_table('flights', '2026-04-01');
		DELETE FROM drone_events WHERE random() < 0.004; COMMIT") } ],
	[ 'rows frozen by vacuum' => sub { act('VACUUM (FREEZE) drone_events') } ]);

for my $round (1 .. $rounds)
{
	my @chosen = map { $actions[ rand @actions ] } 1 .. 1 + int rand 3;
	$_->[1]->() for @chosen;
	my $as_of = sprintf '2026-%02d-%02d 12:00', 3 + int rand 3, 1 + int rand 28;
	sql($node, "SELECT refresh_flight_table('flights', '$as_of')");
	my $wrong = differences($as_of);
	is($wrong, '', "round $round: " . join('; ', map { $_->[0] } @chosen) . "; as of $as_of");
}
my ($flights, $statuses, $flags) = split /\|/, sql($node, 'SELECT count(*), count(DISTINCT status), (SELECT count(DISTINCT f) FROM flights, unnest(flags) f) FROM flights');
cmp_ok($flights, '>', 2000, 'thousands of flights');
cmp_ok($statuses, '>=', 3, 'of all statuses but perhaps open');
cmp_ok($flags, '>=', 5, 'and most flags');
note("$flights flights at the end");

# Changes of some drones are not work for all.
sql($node, "SELECT refresh_flight_table('flights', '2026-06-01')");
sql($node, "DELETE FROM drone_events WHERE drone_id = 'k1' AND boot_id = 'b2'");
is(sql($node, "SELECT (w).everything, (w).drones FROM (SELECT _flight_table_begin('flights') AS w) b"), 'f|{k1}', 'a delete is work for its drone');
sql($node, 'TRUNCATE drone_events');
sql($node, "SELECT refresh_flight_table('flights', '2026-06-01')");
is(sql($node, 'SELECT count(*), (SELECT count(*) FROM fleet) FROM flights'), '0|0', 'without events no flights');
is(sql($node, 'SELECT count(*) FROM _flight_gone'), 0, 'notes that all have read are gone');

$node->stop;
done_testing();
