# What the TAP tests share: a server with the extension, and statements with our schema on the path.
package EventPipeline;

use strict;
use warnings FATAL => 'all';
use Exporter 'import';
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(new_node sql error_of load_oracle undamaged between_good_ones rejected_alone top_folder);

# A started server in UTF8 with the extension in database postgres. Takes a name, lines of configuration, and
# statements to run before CREATE EXTENSION.
sub new_node
{
	my ($name, @settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
	$node->append_conf('postgresql.conf', join("\n", @settings, ''));
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION event_pipeline CASCADE');
	return $node;
}

sub top_folder { return $ENV{EP_TOP} // dirname(dirname(dirname(__FILE__))) }

# The result of a statement as psql -At shows it; dies when it fails.
sub sql
{
	my ($node, $statement, $database) = @_;
	return $node->safe_psql($database // 'postgres', "SET search_path = public, event_pipeline; $statement");
}

# The error of a statement, or 'no error'.
sub error_of
{
	my ($node, $statement) = @_;
	my ($status, undef, $stderr) = $node->psql('postgres', "SET search_path = public, event_pipeline; $statement");
	return $status == 0 ? 'no error' : $stderr;
}

# oracle() and unbalanced() of oracle.sql, in the schema public.
sub load_oracle
{
	my ($node) = @_;
	$node->safe_psql('postgres', slurp_file(dirname(__FILE__) . '/oracle.sql'));
	return;
}

# Test: no heap or index of the server is damaged.
sub undamaged
{
	my ($node, $what, $database) = @_;
	$database //= 'postgres';
	$node->safe_psql($database, 'CREATE EXTENSION IF NOT EXISTS amcheck');
	$node->command_ok([ 'pg_amcheck', '--heapallindexed', '--parent-check', $node->connstr($database) ], $what // 'no heap or index is damaged');
	return;
}

# Insert a payload (an SQL expression) between two good ones, in one statement; give how many rows and rejections that
# made, and the newest rejection of the stream in words.
sub between_good_ones
{
	my ($node, $stream, $payload, $good) = @_;
	my $count = "SELECT count(*), (SELECT count(*) FROM rejected WHERE stream = '$stream') FROM $stream";
	my ($rows, $rejections) = split /\|/, sql($node, $count);
	sql($node, "INSERT INTO ${stream}_raw (payload) VALUES ($good), ($payload), ($good)");
	my ($rows_after, $rejections_after) = split /\|/, sql($node, $count);
	my $reason = sql($node, "SELECT concat_ws(' ', sqlstate, message, path, detail) FROM rejected
		WHERE stream = '$stream' ORDER BY raw_id DESC, seq DESC LIMIT 1");
	return ($rows_after - $rows, $rejections_after - $rejections, $reason);
}

# Test: the payload is one rejection whose reason matches, and its good neighbours are rows.
sub rejected_alone
{
	my ($node, $stream, $payload, $good, $pattern, $name) = @_;
	my ($rows, $rejections, $reason) = between_good_ones($node, $stream, $payload, $good);
	ok($rows == 2 && $rejections == 1 && $reason =~ $pattern, "$stream: $name is rejected alone")
	  or diag("$rows rows, $rejections rejections, $reason");
	return;
}

1;
