# Hostile and broken JSON and CSV, end to end: each bad event is rejected by itself with a clear message, or lands with
# the odd attribute kept aside; good neighbours land; the server stays up and its memory bounded. And wrong calls.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use EventPipeline;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('bad_text', 'restart_after_crash = off');

# --- JSON ---
sql($node, "SELECT create_stream('j', 'json', event_time => 'at')");
my $event = q~'{"at": "2026-03-01T00:00:00Z", "good": 1}'~;

sub json_rejected
{
	my ($payload, $pattern, $name) = @_;
	rejected_alone($node, 'j', $payload, $event, $pattern, $name);
	return;
}
json_rejected("''", qr/empty/, 'an empty blob');
json_rejected(q~'{"at": "2026-03-01T00:00:00Z", '~, qr/^22/, 'a truncated object');
json_rejected(q~'{"at": "2026-03-01T00:00:00Z", "a": "\u0000"}'~, qr/^22P05/, 'a NUL character');
json_rejected(q~'{"at": "2026-03-01T00:00:00Z", "a": "\ud800"}'~, qr/surrogate/, 'half a surrogate pair');
json_rejected(q~'{"at": "2026-03-01T00:00:00Z", "a": ' || repeat('[', 10000) || repeat(']', 10000) || '}'~,
	qr/deep|depth|nest/, 'nesting of 10,000 arrays');
json_rejected(q~'{"at": "2026-03-01T00:00:00Z", "a": ' || repeat('{"a":', 10000) || '1' || repeat('}', 10000) || '}'~,
	qr/deep|depth|nest/, 'nesting of 10,000 objects');
json_rejected(q~'{"at": "292277-01-01T00:00:00Z"}'~, qr/time|292277/, 'a time in the year 292277');
like(error_of($node, q~INSERT INTO j_raw (payload) VALUES (convert_from('\xff00', 'UTF8'))~), qr/invalid byte sequence/,
	'j: the server itself refuses text that is not UTF-8');

# One row each, with every value in a column or rescued.
for my $odd (
	[ 'duplicate keys', q({"at": "2026-03-01T00:00:00Z", "twice": "a1", "twice": "a2"}), 2 ],
	[ 'system column names', q({"at": "2026-03-01T00:00:00Z", "xmin": "a1", "ctid": "a2", "tableoid": "a3"}), 3 ],
	[ 'reserved words', q({"at": "2026-03-01T00:00:00Z", "user": "a1", "select": "a2"}), 2 ],
	[ 'our own names', q({"at": "2026-03-01T00:00:00Z", "event_time": "a1", "_ep_raw_id": "a2", "_ep_rescued": "a3"}), 3 ],
	[ 'SQL in a name', q({"at": "2026-03-01T00:00:00Z", "\"; drop table j; --": "a1"}), 1 ],
	[ 'a name of 5,000 characters', sprintf(q({"at": "2026-03-01T00:00:00Z", "%s": "a1"}), 'n' x 5000), 1 ],
	[ 'an empty name', q({"at": "2026-03-01T00:00:00Z", "": "a1"}), 1 ],
	[ 'a number of 400 digits', sprintf(q({"at": "2026-03-01T00:00:00Z", "n": %s, "m": "a1"}), '7' x 400), 1 ])
{
	my ($name, $payload, $values) = @$odd;
	my ($rows, $rejections) = between_good_ones($node, 'j', "\$j\$$payload\$j\$", $event);
	my $row = sql($node, q~SELECT to_jsonb(j) FROM j WHERE good IS NULL ORDER BY _ep_raw_id DESC LIMIT 1~);
	my $kept = grep { $row =~ /"a$_"/ } 1 .. $values;
	ok($rows == 3 && $rejections == 0 && $kept == $values, "j: a row with $name keeps every value")
	  or diag("$rows rows, $rejections rejections, $row");
}
like(sql($node, q~SELECT string_agg(to_jsonb(j)::text, '') FROM j~), qr/7{400}/, 'j: no digit of a long number is lost');

# A blob of 200 MB, and what the backend took for it, beside what a bare table takes.
sql($node, 'CREATE TABLE bare (payload text)');
my ($bare, $stream) = map {
	sql($node, q~INSERT INTO ~ . $_ . q~ (payload) SELECT '{"at": "2026-03-01T00:00:00Z", "big": "' || repeat('x', 200 * 1024 * 1024) || '"}';
		SELECT substring(pg_read_file('/proc/' || pg_backend_pid() || '/status') FROM 'VmHWM:\s*(\d+)')::int / 1024~)
} 'bare', 'j_raw';
cmp_ok($stream - $bare, '<', 1000, "j: a blob of 200 MB takes $stream MB at most, $bare MB in a bare table");
is(sql($node, 'SELECT (SELECT count(*) FROM j WHERE length(big) = 200 * 1024 * 1024)
		+ (SELECT count(*) FROM rejected WHERE bytes > 200 * 1024 * 1024)'),
	'1', 'j: and becomes one row, or one rejection');

# --- CSV ---
sql($node, "SELECT create_stream('c', 'csv', event_time => 'at')");
my $csv = q{E'at,good\n2026-03-01T00:00:00Z,1\n'};
my ($rows, $rejections, $reason) = between_good_ones($node, 'c',
	q{E'at,a,b\n2026-03-01T00:00:00Z,1,2\n2026-03-01T00:00:00Z,1\n2026-03-01T00:00:00Z,1,2,3\n2026-03-01T00:00:00Z,1,2\n'}, $csv);
ok($rows == 4 && $rejections == 2, 'c: ragged rows are rejected one by one') or diag("$rows rows, $rejections rejections, $reason");
rejected_alone($node, 'c', "''", $csv, qr/empty/, 'an empty blob');
rejected_alone($node, 'c', q{E'at,a\n2026-03-01T00:00:00Z,"open\n'}, $csv, qr/quot/, 'a quote that never ends');

# --- the accounts ---
is(sql($node, 'SELECT bool_and(events = typed + rejected + duplicates) FROM stream_stats'), 't', 'events = typed + rejected + duplicates');
is(sql($node, "SELECT (SELECT typed FROM stream_stats WHERE stream = 'j') = (SELECT count(*) FROM j)"), 't', 'and every typed event is a row');

# --- wrong calls: one clear error with a hint ---
like(error_of($node, "SELECT alter_stream('no_such')"), qr/ERROR:  stream "no_such" does not exist\nHINT:/, 'a stream that does not exist');
like(error_of($node, "SELECT create_stream('j', 'json')"), qr/ERROR:  stream "j" exists already\nHINT:/, 'a second create_stream');
like(error_of($node, "SELECT create_stream('x', 'xml')"), qr/ERROR:.*xml.*\nHINT:.*json/, 'a format that does not exist');
sql($node, 'CREATE ROLE guest');
like(error_of($node, "SET ROLE guest; INSERT INTO public.j_raw (payload) VALUES ('{}')"), qr/permission denied/, 'a role without INSERT');
sql($node, 'GRANT INSERT ON j_raw TO guest');
is(error_of($node, q~SET ROLE guest; INSERT INTO public.j_raw (payload) VALUES ('{"from_guest": 1}')~), 'no error',
	'a role with INSERT on the raw table needs no more, even for a new column');

is($node->safe_psql('postgres', 'SELECT 1'), '1', 'the server is up');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC/, 'and never went down');
$node->stop;
done_testing();
