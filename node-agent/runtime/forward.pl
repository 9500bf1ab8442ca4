#!/usr/bin/perl
# Connects to a port of `localhost` in another network namespace: our standard input and output are the
# connection.
#
#   perl forward.pl MACHINE NETNS PORT 3>REPORT
#
# Tries IPv4, then IPv6, and says on REPORT `connected`, or why not.
use strict;
BEGIN { $^W = 1 }    # As `use warnings`, whose module would be a third of this process's memory.
require($0 =~ s{[^/]*$}{system.pl}r);

our $report;
my ($machine, $netns, $port) = @ARGV;
die "usage: forward.pl MACHINE NETNS PORT\n" if !defined $port;
open($report, '+<&=', 3) or die "descriptor 3: $!\n";
$SIG{PIPE} = 'IGNORE';
use_architecture($machine);
enter_namespace($netns);

my @refusals;
my ($AF_INET, $AF_INET6, $SOCK_STREAM) = (2, 10, 1);
my $socket = reach($AF_INET, pack('S n a4 x8', $AF_INET, $port, "\x7f\0\0\1"), "IPv4: dial tcp4 127.0.0.1:$port")
    // reach($AF_INET6, pack('S n N a16 N', $AF_INET6, $port, 0, "\0" x 15 . "\1", 0), "IPv6: dial tcp6 [::1]:$port");
fail(join ' ', @refusals) if !$socket;
syswrite($report, "connected\n");
close $report;

# Both ways until both have ended; the end of one is passed on by itself.
my %way = (0 => [ \*STDIN, $socket ], fileno($socket) => [ $socket, \*STDOUT ]);
while (%way) {
    my ($readable) = ready([ map { $_->[0] } values %way ], [], undef);
    for (@$readable) {
        my ($from, $to) = @{ $way{ fileno $_ } // next };
        next if pass($from, $to);
        delete $way{ fileno $from };
        shutdown($to, 1);
    }
}

sub reach {
    my ($family, $address, $what) = @_;
    my $handle;
    return $handle if socket($handle, $family, $SOCK_STREAM, 0) && connect($handle, $address);
    push @refusals, "$what: connect: " . lc "$!";
    return undef;
}

# True while there may be more.
sub pass {
    my ($from, $to) = @_;
    my $length = sysread($from, my $text, 65536);
    return try_again() if !defined $length;
    for (my $sent = 0 ; $sent < $length ;) {
        my $more = syswrite($to, $text, $length - $sent, $sent);
        return 0 if !defined $more && !try_again();
        $sent += $more // 0;
    }
    return $length > 0;
}
