# agnhost logs-generator -t LINES -d DURATION: that many lines at even times. Upstream: logs-generator/logs_generator.go.
use strict;
use warnings;
require '/usr/local/lib/v9s/serve.pl';

my ($flag) = flags(\@ARGV, { 'log-lines-total' => 0, 'run-duration' => '0s' }, { t => 'log-lines-total', d => 'run-duration' });
my ($total, $duration) = ($flag->{'log-lines-total'}, seconds($flag->{'run-duration'}) // 0);
fatal("Invalid total number of lines: $total") if $total !~ /^\d+$/ || $total == 0;
fatal("Invalid duration: $flag->{'run-duration'}") if $duration <= 0;
my @letters = split //, 'bcdfghjklmnpqrstvwxz2456789';
$| = 1;
for my $id (0 .. $total - 1) {
    my $method = (qw(GET POST PUT))[ rand 3 ];
    my $namespace = (qw(kube-system default ns))[ rand 3 ];
    my $pod = join '', map { $letters[ rand @letters ] } 1 .. 3 + rand 2;
    my @t = gmtime;
    printf STDERR "I%02d%02d %02d:%02d:%02d.%06d       1 logs_generator.go:76] %d %s /api/v1/namespaces/%s/pods/%s %d\n",
        $t[4] + 1, @t[ 3, 2, 1, 0 ], 0, $id, $method, $namespace, $pod, 200 + rand 400;
    select undef, undef, undef, $duration / $total;
}
exit 0;
