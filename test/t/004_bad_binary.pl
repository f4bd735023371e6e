# Hostile and broken protobuf and GPMF, end to end: rejected with a clear message, good neighbours land, the server stays up.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use EventPipeline;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('bad_binary', 'restart_after_crash = off');
my $data = top_folder() . '/test/data';

# --- protobuf ---
sql($node, "SELECT register_protobuf('events', pg_read_binary_file('$data/protobuf/events.pb'))");
sql($node, "SELECT create_stream('p', 'protobuf', message_type => 'gopro.events.v1.Event')");
my $message = q{'\x0a0131'::bytea};    # event_id "1"

sub protobuf_rejected
{
	my ($payload, $pattern, $name) = @_;
	rejected_alone($node, 'p', $payload, $message, $pattern, $name);
	return;
}
protobuf_rejected(q{'\xd20201'::bytea}, qr/^22/, 'a message that announces more than it has');
protobuf_rejected(q{'\x0a'::bytea}, qr/^22/, 'a tag without a value');
protobuf_rejected(q{'\x0affffffffffffffffff01'::bytea}, qr/^22/, 'a length of 2^64 - 1');
protobuf_rejected(q{'\x0affffffffffffffffffff7f'::bytea}, qr/^22/, 'a varint of 11 bytes');
protobuf_rejected(q{'\x0a02ff31'::bytea}, qr/UTF-8/, 'text that is not UTF-8');
protobuf_rejected(q{'\x0a0100'::bytea}, qr/^22/, 'text with a NUL character');
protobuf_rejected(q{convert_to('{"at": 1}', 'UTF8')}, qr/^22/, 'JSON instead of a message');
protobuf_rejected(q{'\x0b'::bytea}, qr/^22/, 'a group that never ends');
protobuf_rejected(q{('\x' || repeat('0b', 10000))::bytea}, qr/^[25]/, 'groups nested 10,000 deep');

# A message of another type shares no meaning: what the stream requires is missing, or the bytes contradict the types.
sql($node, "SELECT create_stream('strict', 'protobuf', message_type => 'gopro.events.v1.Event', event_time => 'occurred_at',
	required => 'event_id,occurred_at')");
my $whole = q{'\x0a01311a02080a'::bytea};    # event_id "1", occurred_at 10 s
rejected_alone($node, 'strict', $message, $whole, qr/occurred_at/, 'a message without what the stream requires');
rejected_alone($node, 'strict', q{'\x080112020801'::bytea}, $whole, qr/^42804/, 'a message of another type');

# --- GPMF ---
sql($node, "SELECT create_stream('g', 'gpmf')");
my @logs = map { "$data/gpmf/$_.gpmf" } 'camera', 'drone';
if ($ENV{EP_SHARED_DATA}) { push @logs, "$ENV{EP_SHARED_DATA}/gpmf/hero5.raw" }
else { note('EP_SHARED_DATA is not set: no log of a real camera is cut') }

# Cut a log at every byte: each cut is reported (but cuts between two payloads, which are whole logs), the complete
# parts before it are rows, and what is inserted beside it lands.
for my $log (@logs)
{
	my ($name) = $log =~ m{([^/]*)$};
	sql($node, q~DO $$ BEGIN PERFORM event_pipeline.drop_stream('g'); END $$~);
	sql($node, "SELECT create_stream('g', 'gpmf')");
	my ($bytes, $blobs, $reported, $rows, $whole_rows) = split /\|/, sql($node, qq~
		CREATE TEMPORARY TABLE log AS SELECT pg_read_binary_file('$log') AS bytes;
		INSERT INTO g_raw (payload) SELECT substr(bytes, 1, n) FROM log, generate_series(0, length(bytes) - 1) n;
		INSERT INTO g_raw (payload) SELECT bytes FROM log;
		SELECT length(bytes), (SELECT count(*) FROM g_raw),
			(SELECT count(DISTINCT raw_id) FROM rejected WHERE stream = 'g'),
			(SELECT count(*) FROM g), (SELECT count(*) FROM g WHERE _ep_raw_id = (SELECT max(raw_id) FROM g_raw))
		FROM log~);
	is($blobs, $bytes + 1, "g: $name cut at each of its $bytes bytes goes in");
	cmp_ok($reported, '>=', $bytes - 12, "g: $reported of the $bytes cuts are reported");
	cmp_ok($whole_rows, '>', 0, 'g: and the whole log lands beside them');
	is(sql($node, "SELECT count(*) FROM rejected WHERE stream = 'g' AND (message = '' OR sqlstate !~ '^(22|54|0A)')"), '0',
		'g: each with a reason');
}

sql($node, q~SELECT setseed(0.5);
	INSERT INTO g_raw (payload)
	SELECT (SELECT decode(string_agg(lpad(to_hex(floor(random() * 256)::int), 2, '0'), ''), 'hex') FROM generate_series(1, 20 + n))
	FROM generate_series(1, 500) n~);
is(sql($node, "SELECT count(DISTINCT raw_id) FROM rejected WHERE stream = 'g' AND raw_id > (SELECT max(raw_id) - 500 FROM g_raw)"),
	'500', 'g: 500 blobs of random bytes are rejected');
rejected_alone($node, 'g', "''", "pg_read_binary_file('$data/gpmf/settings.gpmf')", qr/empty/, 'an empty blob');

is(sql($node, 'SELECT bool_and(events = typed + rejected + duplicates) FROM stream_stats'), 't', 'events = typed + rejected + duplicates');
is($node->safe_psql('postgres', 'SELECT 1'), '1', 'the server is up');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC/, 'and never went down');
$node->stop;
done_testing();
