# Real camera logs against their goldens: every stream's summary and every value of every sample, as float8 and exactly;
# by gpmf_streams() and gpmf_samples(), and as rows of a gpmf stream. The samples are not in the repository.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use EventPipeline;
use PostgreSQL::Test::Utils;
use Test::More;

my $data = ($ENV{EP_SHARED_DATA} // top_folder() . '/../shared/data') . '/gpmf';
plan skip_all => "no sample logs: EP_SHARED_DATA is not set or has none" unless -d "$data/golden";

# The columns of some tables, in the order of the golden's elements.
my %columns = (
	GPS5 => 'latitude, longitude, altitude_m, speed_2d_mps, speed_3d_mps',
	ACCL => 'accel_z_mps2, accel_x_mps2, accel_y_mps2',
	GLPI => 'boot_s, latitude, longitude, altitude_m, height_m, velocity_north_mps, velocity_east_mps, '
	  . 'velocity_down_mps, heading_deg',
	acc1 => join(', ', map { "v$_" } 1 .. 16),
	FACE => 'face_id, face_x, face_y, face_width, face_height');

sub lines
{
	my ($file) = @_;
	open(my $handle, '<', $file) or die "$file: $!";
	my @lines = <$handle>;
	chomp @lines;
	return @lines;
}

# The fields of one line of CSV; no field of the goldens holds a quote or a line end.
sub fields
{
	my ($line) = @_;
	my @fields;
	push @fields, $1 // $2 while $line =~ /(?:^|,)(?:"([^"]*)"|([^,]*))/g;
	return @fields;
}

sub quoted { my ($text) = @_; $text =~ s/'/''/g; return "'$text'" }

# {1,2} of a list that a character separates; NULL when empty.
sub array { my ($text, $by) = @_; return $text eq '' ? 'NULL' : quoted('{' . join(',', map { $_ eq '' ? 'NULL' : qq("$_") } split($by, $text, -1)) . '}') }

my $node = new_node('gpmf_golden');
sql($node, q{
	CREATE TABLE logs (name text, log gpmf);
	CREATE TABLE summaries (name text, stream int, device_id bigint, device_name text, fourcc text, title text, type text,
		struct_size int, elements int, payloads int, klvs bigint, samples bigint, units text[], scale float8[], orin text,
		orio text, mtrx float8[], tsmp_first bigint, tsmp_last bigint);
	CREATE TABLE klvs (name text, payload int, "offset" bigint, depth int, key text, type text, size int, repeat int);
	CREATE TABLE golden (name text, stream int, fourcc text, payload int, klv int, sample int, value float8[], label text)});

my ($files, $used) = (0, 0);
for my $name (map { s{.*/}{}r } sort grep { -d } glob("$data/golden/*"))
{
	my ($file) = grep { -f } "$data/$name.raw", "$data/$name.gpmf";
	my $hex = unpack('H*', slurp_file($file));
	my ($head, @summary) = lines("$data/golden/$name/summary.csv");
	my (@summaries, @golden);
	for my $line (@summary)
	{
		my @f = fields($line);
		my ($stream, $fourcc) = @f[ 0, 3 ];
		push @summaries, '(' . join(', ', quoted($name), @f[ 0, 1 ], quoted($f[2]), quoted($fourcc), quoted($f[4]),
			quoted($f[5]), @f[ 6 .. 10 ], array($f[11], qr/\|/), array($f[12], ' '), quoted($f[13] // ''),
			quoted($f[14] // ''), array($f[15] // '', ' '), map { ($_ // '') eq '' ? 'NULL' : $_ } @f[ 16, 17 ]) . ')';
		$used++;
		my ($header, @samples) = lines("$data/golden/$name/$stream-$fourcc.csv");
		for my $sample (@samples)
		{
			my ($payload, $klv, $index, @values) = fields($sample);
			next if $index eq '';
			my ($value, $label) = $f[5] eq 'c' ? ('NULL', quoted($values[0])) : (quoted('{' . join(',', @values) . '}'), 'NULL');
			push @golden, '(' . join(', ', quoted($name), $stream, quoted($fourcc), $payload, $klv, $index, $value, $label) . ')';
		}
	}
	$files += grep { m{/\d+-[^/.]+\.csv$} } glob("\Q$data/golden/$name\E/*");
	my ($klv_head, @klvs) = map { [ (split /,/)[ 0 .. 6 ] ] } lines("$data/golden/$name/klv.csv");
	sql($node, 'INSERT INTO klvs VALUES ' . join(', ', map { my @f = @$_; '(' . join(', ', quoted($name), @f[ 0 .. 2 ], quoted($f[3]), quoted($f[4]), @f[ 5, 6 ]) . ')' } @klvs));
	sql($node, "INSERT INTO logs VALUES ('$name', '\\x$hex');
		INSERT INTO summaries VALUES " . join(', ', @summaries) . ';
		INSERT INTO golden VALUES ' . join(', ', @golden));
}

is(sql($node, 'SELECT count(*) FROM logs'), 5, 'five logs are valid values');
is(sql($node, 'SELECT count(*) FROM logs WHERE log::bytea::gpmf = log AND log::text::gpmf = log'), 5, 'and come back');

my $streams = q{SELECT l.name, s.stream, s.device_id, s.device_name, s.fourcc, coalesce(s.name, ''), s.type, s.struct_size,
	s.elements, s.payloads, s.klvs, s.samples, array_replace(s.units, '', NULL), s.scale, coalesce(s.orin, ''),
	coalesce(s.orio, ''), s.mtrx, s.tsmp_first, s.tsmp_last
	FROM logs l, gpmf_streams(log) s};
is(sql($node, "$streams EXCEPT ALL TABLE summaries"), '', 'no stream differs from its golden');
is(sql($node, "TABLE summaries EXCEPT ALL ($streams)"), '', 'no stream is missing');

my $samples = 'SELECT name, s.stream, s.fourcc, s.payload, s.klv, s.sample, s.value, s.label FROM logs, gpmf_samples(log) s';
is(sql($node, "SELECT count(*) FROM (($samples) EXCEPT ALL TABLE golden) x"), 0, 'no sample differs from its golden');
is(sql($node, "SELECT count(*) FROM (TABLE golden EXCEPT ALL ($samples)) x"), 0, 'no sample is missing');
my $count = sql($node, 'SELECT count(*) FROM golden');
is(sql($node, "SELECT count(*) FROM ($samples) x"), $count, "so many samples: $count");
is($files, $used, "every golden of a stream was compared: $used");
is(sql($node, 'SELECT count(*) FROM summaries'), $used, 'and every stream has one');

# Keys: each is where and what the golden says, and none that modifies is left out.
my $keys = 'SELECT name, m.payload, m."offset", m.key, m.type FROM logs, gpmf_metadata(log) m';
is(sql($node, "$keys EXCEPT SELECT name, payload, \"offset\", key, type FROM klvs"), '', 'every key stands where the golden has it');
is(sql($node, qq{SELECT name, payload, "offset", key, type FROM klvs WHERE type <> 'nest' AND repeat > 0 AND (depth < 2 OR size * repeat <= 4
	OR key IN ('STNM', 'RMRK', 'SIUN', 'UNIT', 'SCAL', 'TYPE', 'TSMP', 'STMP', 'TICK', 'TOCK', 'EMPT', 'TIMO', 'TMPC', 'ORIN', 'ORIO', 'MTRX',
	           'GPSF', 'GPSU', 'GPSP', 'GPSA', 'FWVS')) EXCEPT $keys}), '', 'and none is left out');
is(sql($node, q{SELECT count(*) FROM logs l WHERE gpmf_to_jsonb(log) -> 'payloads' <> (SELECT to_jsonb(max(payload) + 1) FROM klvs k WHERE k.name = l.name)}),
	0, 'so many payloads');

# Each log as a blob of a stream of its own name.
for my $name (split /\n/, sql($node, 'SELECT name FROM logs ORDER BY 1'))
{
	my $stream = 'logs_' . $name =~ s/\W/_/gr;
	sql($node, "SELECT create_stream('$stream', 'gpmf'); INSERT INTO ${stream}_raw (payload) SELECT log::bytea FROM logs
		WHERE name = '$name'");
	is(sql($node, "SELECT count(*) FROM rejected WHERE stream = '$stream'"), 0, "$name: nothing is rejected");
	is(sql($node, "SELECT count(*) FROM $stream"), sql($node, "SELECT count(DISTINCT device_id) FROM summaries WHERE name = '$name'"),
		"$name: a row per device");
	my %counts = map { split /\|/ } split /\n/, sql($node, "SELECT fourcc, count(*) FROM golden WHERE name = '$name' GROUP BY 1");
	for my $fourcc (sort keys %counts)
	{
		my $table = $stream . '_' . lc $fourcc;
		is(sql($node, "SELECT count(*) FROM $table"), $counts{$fourcc}, "$name: all samples of $fourcc are rows");
		next unless $columns{$fourcc};
		my $rows = "SELECT payload, klv, sample, ARRAY[$columns{$fourcc}]::float8[] FROM $table";
		my $golden = "SELECT payload, klv, sample, value FROM golden WHERE name = '$name' AND fourcc = '$fourcc'";
		is(sql($node, "SELECT count(*) FROM (($rows) EXCEPT ALL ($golden)) x"), 0, "$name: and their values are exact");
	}
}

is(sql($node, q{SELECT DISTINCT attstorage FROM pg_attribute WHERE attrelid IN (SELECT relid FROM pg_partition_tree('logs_hero5_raw'))
	AND attname = 'payload'}), 'e', 'logs are stored as they are: compression finds nothing in them');

# The drone's streams as one view: a row per position, its UTC by SYST, the battery as of it.
sql($node, q{SELECT create_drone_telemetry_view('flight', 'logs_karma_mp4')});
is(sql($node, q{SELECT count(*), count(throttle_percent) FROM flight}), '47|47', 'a row per position, with what was measured at its instant');
is(sql($node, q{SELECT bool_and(abs(extract(epoch FROM event_time)::float8 - boot_s - utc_minus_boot_s) < 0.001) FROM flight}), 't', 'in UTC');
is(sql($node, q{SELECT count(*) FROM flight f JOIN golden b ON b.name = 'karma-mp4' AND b.fourcc = 'KBAT'
	AND b.payload = (SELECT payload FROM logs_karma_mp4_glpi g WHERE g.boot_s = f.boot_s)
	WHERE f.remaining_percent = b.value[15] AND f.current_a = b.value[1]}), 47, 'and the battery of its payload');

# The rate of the drone's camera, by counts over its ticks, not by the last payload, which is a fraction.
is(sql($node, q{SELECT clock, round(rate_hz::numeric, 1) FROM logs, gpmf_streams(log) WHERE logs.name = 'karma-mp4' AND fourcc = 'ACCL'}),
	'tsmp/syst|198.8', 'a fractional last payload sets no rate');

# A log that is cut anywhere: what is whole becomes rows, the rest is at most one rejection, the neighbour lands.
sql($node, "SELECT create_stream('cuts', 'gpmf', fourccs => 'GPS5')");
sql($node, "INSERT INTO cuts_raw (payload) SELECT substr(log::bytea, 1, n) FROM logs, generate_series(1, length(log::bytea)) n
	WHERE name = 'hero5'");
is(sql($node, 'SELECT count(*) FROM cuts'), sql($node, "SELECT count(DISTINCT (_ep_raw_id)) FROM cuts"), 'one device row at most');
is(sql($node, 'SELECT max(n) FROM (SELECT count(*) AS n FROM rejected GROUP BY raw_id) x'), 1, 'one rejection at most');
is(sql($node, q{SELECT count(*) FROM cuts_raw r WHERE length(payload) < (SELECT length(log::bytea) FROM logs WHERE name = 'hero5')
	AND NOT EXISTS (SELECT FROM rejected j WHERE j.raw_id = r.raw_id AND j.stream = 'cuts')}), 0, 'no cut goes unsaid');

done_testing();
