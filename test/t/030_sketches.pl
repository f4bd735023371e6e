# Sketches of hll and tdigest in rollups, through three levels: the view for BI tools shows numbers near the exact ones.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use EventPipeline;
use Test::More;

my $node = new_node('sketches', "timezone = 'UTC'");
foreach my $extension (qw(hll tdigest))
{
	next if sql($node, "SELECT count(*) FROM pg_available_extensions WHERE name = '$extension'");
	plan skip_all => "the extension $extension is not installed";
}
sql($node, q~CREATE SCHEMA sketches; CREATE EXTENSION hll SCHEMA sketches; CREATE EXTENSION tdigest SCHEMA sketches~);
sql($node, q~SELECT create_stream('e', 'json', event_time => 'at');
	INSERT INTO e_raw (payload) SELECT json_build_object('at', timestamptz '2026-03-01' + i * interval '5 minutes', 'who', i % 700, 'ms', i * 7919 % 10000)
	FROM generate_series(0, 9999) i~);
sql($node, q~SET search_path = public, event_pipeline, sketches;
	SELECT create_rollup('daily', 'e', 'SELECT count(*) AS n, hll_add_agg(hll_hash_bigint(who)) AS who, tdigest(ms, 100) AS ms FROM e
		WHERE event_time >= $1 AND event_time < $2', '1 day');
	SELECT create_rollup('weekly', 'daily', 'SELECT sum(n) AS n, hll_union_agg(who) AS who, tdigest(ms) AS ms FROM daily
		WHERE bucket >= $1 AND bucket < $2', '7 days');
	SELECT create_rollup('monthly', 'weekly', 'SELECT sum(n) AS n, hll_union_agg(who) AS who, tdigest(ms) AS ms FROM weekly
		WHERE bucket >= $1 AND bucket < $2', '1 month');
	SELECT create_rollup('plain', 'e', 'SELECT count(*) AS n FROM e WHERE event_time >= $1 AND event_time < $2', '1 day')~);

# How far the view is from the exact numbers, in percent of them.
my $off = q~
	SELECT count(*), max(abs(who - exact.whos) / exact.whos) < 0.1, max(abs(ms_p50 - exact.p50) / 10000) < 0.02, max(abs(ms_p99 - exact.p99) / 10000) < 0.02
	FROM %s_bi b JOIN (
		SELECT %s AS bucket, count(DISTINCT who) AS whos, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS p50,
			percentile_cont(0.99) WITHIN GROUP (ORDER BY ms) AS p99
		FROM e GROUP BY 1) exact USING (bucket)~;
my %bucket = (daily => 'event_time::date', weekly => "date_trunc('week', event_time)::date", monthly => "date_trunc('month', date_trunc('week', event_time))::date");
my %buckets = (daily => 35, weekly => 6, monthly => 2);
foreach my $when ('before a refresh', 'after it')
{
	is(sql($node, sprintf($off, $_, $bucket{$_})), "$buckets{$_}|t|t|t", "$_ is near the exact numbers $when") foreach qw(daily weekly monthly);
	sql($node, 'SELECT refresh_rollup()') if $when eq 'before a refresh';
}
is(sql($node, q~SELECT string_agg(attname || ' ' || format_type(atttypid, -1), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'weekly_bi'::regclass~),
	'bucket date, n numeric, who bigint, ms_p50 double precision, ms_p90 double precision, ms_p99 double precision', 'its columns have standard types');
sql($node, q~INSERT INTO e_raw (payload) SELECT '{"at": "2026-03-02T10:00:00Z", "who": ' || i || ', "ms": 0}' FROM generate_series(100000, 101000) i~);
is(sql($node, q~SELECT who > 1000 FROM daily_bi WHERE bucket = '2026-03-02'~), 't', 'and it is exact at read time');
is(sql($node, q~SELECT bi FROM rollup_status WHERE rollup = 'plain'::regclass~), '', 'a rollup without sketches has no such view');
is(sql($node, q~SELECT drop_rollup('monthly'), drop_rollup('weekly'), drop_rollup('daily');
	SELECT count(*) FROM pg_class WHERE relname LIKE '%ly\\_bi'~), "||\n0", 'they go with the rollup');

done_testing();
