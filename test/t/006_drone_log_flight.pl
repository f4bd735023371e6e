# A real log of a Karma drone fills the telemetry columns of a flight that it covers: against the golden samples.
# Also: telemetry that arrives after its flight, and what is known when a second drone flies at the same time.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use EventPipeline;
use List::Util qw(max min sum);
use Test::More;

my $shared = $ENV{EP_SHARED_DATA} // top_folder() . '/../shared/data';
my $log = "$shared/gpmf/karma-mp4.gpmf";
plan skip_all => "no sample log: EP_SHARED_DATA is not set or has none" unless -r $log;

# The golden samples of one stream: rows of [payload, klv, sample, v0, v1 ...].
sub golden
{
	my ($name) = @_;
	open my $in, '<', "$shared/gpmf/golden/karma-mp4/$name.csv" or die "$name: $!";
	my @rows = grep { $_->[2] ne '' } map { chomp; [ split /,/, $_, -1 ] } <$in>;
	shift @rows;
	return @rows;
}

# UTC of a sample: its boot time, and the clock pair of its payload.
my %offset = map { $_->[0] => $_->[4] - $_->[3] } golden('10-SYST');
my @position = map { { at => $_->[3] + $offset{ $_->[0] }, lat => $_->[4], lon => $_->[5], height => $_->[7],
			north => $_->[8], east => $_->[9], down => $_->[10] } } golden('8-GLPI');

my $epoch = 1492457277;    # 2017-04-17 19:27:57
my ($takeoff, $landing) = ($epoch + 1, $epoch + 11);
my @inside = grep { $_->{at} >= $takeoff && $_->{at} <= $landing } @position;
my ($home) = (reverse grep { $_->{at} <= $takeoff } @position);

sub distance
{
	my ($p, $q) = @_;
	my $rad = atan2(1, 1) / 45;
	my $a = sin(($q->{lat} - $p->{lat}) * $rad / 2)**2 +
		cos($p->{lat} * $rad) * cos($q->{lat} * $rad) * sin(($q->{lon} - $p->{lon}) * $rad / 2)**2;
	return 2 * 6371008.8 * atan2(sqrt($a), sqrt(1 - $a));
}
my (%seen, @second);
push @second, grep { !$seen{ int($_->{at} - $takeoff) }++ } @inside;

my $node = new_node('drone_log_flight');
open my $in, '<:raw', $log or die "$log: $!";
my $bytes = do { local $/; unpack 'H*', <$in> };
sql($node, "SELECT create_stream('drone_events', 'json', event_time => 'at'); SELECT create_stream('camera_logs', 'gpmf')");
my $format = q~{"at": "%s", "event_id": "%s", "drone_id": "%s", "type": "%s", "boot_id": "b", "device_uptime_ms": %d, "device_clock": "%s"}~;
sub event
{
	my ($id, $drone, $type, $time) = @_;
	my $clock = sprintf '2017-04-17T19:27:%06.3fZ', 57 + $time - $epoch;
	$clock = sprintf '2017-04-17T19:28:%06.3fZ', $time - $epoch - 3 if $time >= $epoch + 3;
	my $payload = sprintf $format, $clock, $id, $drone, $type, ($time - $epoch + 60) * 1000, $clock;
	sql($node, "INSERT INTO drone_events_raw (payload) VALUES ('$payload')");
	return;
}
event('up', 'K1', 'takeoff', $takeoff);
event('down', 'K1', 'landing', $landing);
sql($node, "SELECT create_flight_table('flights', 'drone_events', 'camera_logs')");
is(sql($node, 'SELECT status, duration_ms, coverage IS NULL FROM flights'), 'complete|10000|t', 'a flight without a log');

sql($node, "INSERT INTO camera_logs_raw (source, payload) VALUES ('card 7', decode('$bytes', 'hex'))");
sql($node, "SELECT refresh_flight_table('flights')");

sub column { my ($name) = @_; return sql($node, "SELECT $name FROM flights WHERE drone_id = 'K1'"); }
sub near
{
	my ($name, $wanted) = @_;
	my $got = column($name);
	ok($got ne '' && abs($got - $wanted) < 1e-6, "$name: $got is $wanted");
	return;
}
is(column('telemetry_match'), 'time', 'the log belongs to the only drone that flew');
is(column('firmware'), '1.1.11.0', 'firmware');
near('takeoff_lat', $home->{lat});
near('takeoff_lon', $home->{lon});
near('max_height_m', max(map { $_->{height} } @inside) - $home->{height});
near('max_speed_mps', max(map { sqrt($_->{north}**2 + $_->{east}**2) } @inside));
near('max_climb_mps', max(map { -$_->{down} } @inside));
near('max_sink_mps', max(map { $_->{down} } @inside));
near('distance_m', sum(map { distance($second[ $_ - 1 ], $second[$_]) } 1 .. $#second));
near('max_dist_home_m', max(map { distance($home, $_) } @inside));
near('coverage', 1);
my @gps = grep { my $at = $_->[3] + $offset{ $_->[0] }; $at >= $takeoff && $at <= $landing } golden('6-GPRI');
near('gps_min_sats', min(map { $_->[12] } @gps));
near('gps_fix_share', 1);
near('gps_max_eph_m', max(map { $_->[7] } @gps));

# KBAT has no time of its own: one sample a payload.
my @battery = golden('5-KBAT');
near('battery_start_pct', $battery[0][17]);
cmp_ok(column('battery_end_pct'), '>=', $battery[-1][17], 'battery at the landing');
cmp_ok(column('battery_used_mah'), '>', 0, 'charge was drawn');
cmp_ok(column('battery_used_mah'), '<=', 1000 * ($battery[-1][4] - $battery[0][4]) + 1e-6, 'no more than the whole log says');
cmp_ok(column('min_voltage_v'), '>=', min(map { $_->[7] + $_->[8] + $_->[9] + $_->[10] } @battery) - 1e-9, 'no voltage below the log\'s');

# A landing whose takeoff is lost: the log starts in the air.
event('down2', 'K2', 'landing', $epoch + 8);
sql($node, "SELECT refresh_flight_table('flights')");
is(column('telemetry_match') . column('max_speed_mps'), '', 'with two drones in the air nobody knows whose log it is');
sql($node, "UPDATE camera_logs_raw SET source = 'K2'; INSERT INTO _invalidation (target_id, granule) SELECT target_id, '-infinity' FROM _target");
sql($node, "SELECT refresh_flight_table('flights')");
is(sql($node, "SELECT telemetry_match, takeoff_lat IS NULL, max_height_m IS NULL, max_speed_mps > 1, distance_m > 5, coverage FROM flights WHERE drone_id = 'K2'"),
	'source|t|t|t|t|1', 'a flight without takeoff is measured from the first sample in the air');

# Incrementally kept and computed from scratch are the same, telemetry and all.
event('up3', 'K3', 'takeoff', $epoch + 2);
sql($node, "SELECT refresh_flight_table('flights', '2030-01-01')");
sql($node, "SELECT create_flight_table('scratch', 'drone_events', 'camera_logs'); SELECT refresh_flight_table('scratch', '2030-01-01')");
is(sql($node, '(TABLE flights EXCEPT TABLE scratch) UNION ALL (TABLE scratch EXCEPT TABLE flights)'), '', 'as from scratch');

is(sql($node, "SELECT count(*) FROM (SELECT a.attname FROM pg_attribute a WHERE attrelid = 'flights'::regclass AND attnum > 0
	AND col_description(attrelid, attnum) IS NULL) c"), 0, 'every column says what it is');

$node->stop;
done_testing();
