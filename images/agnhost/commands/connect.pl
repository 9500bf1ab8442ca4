# agnhost connect [--timeout=D] [--protocol=tcp|udp|sctp] HOST:PORT: says in one word why it cannot. Upstream: connect/connect.go.
use strict;
use warnings;
require '/usr/local/lib/v9s/serve.pl';

my ($flag, @rest) = flags(\@ARGV, { timeout => '0s', protocol => 'tcp', 'udp-data' => 'hostname', 'sctp-data' => 'hostname' });
give_up('Error: accepts 1 arg(s), received ' . @rest) if @rest != 1;
my $timeout = seconds($flag->{timeout}) // give_up("Error: invalid argument \"$flag->{timeout}\" for \"--timeout\" flag");
my $protocol = $flag->{protocol} || 'tcp';
give_up("Unsupported protocol\n$protocol") if $protocol !~ /^(?:tcp|udp|sctp)$/;
my ($host, $port) = $rest[0] =~ /^(?:\[(.+)\]|([^:]*)):(\w+)$/ ? ($1 // $2, $3) : give_up("UNKNOWN: address $rest[0]: missing port in address");
my ($found, $why) = resolve($host, $port);
give_up("DNS: $why") if !$found;
my ($socket, $failure) = dial($protocol, $found->[0], $timeout);
explain($failure) if !$socket;
exit 0 if $protocol eq 'tcp';
defined syswrite $socket, "$flag->{\"$protocol-data\"}\n" or explain(lc $!);
my ($text, $silence) = receive($socket, 1024, $timeout);
explain($silence) if !defined $text;
give_up('OTHER: No data received from the server. Cannot guarantee the server received the request.') if $protocol eq 'udp' && $text eq '';
exit 0;

sub explain {
    my ($what) = @_;
    give_up('TIMEOUT') if $what =~ /timeout/;
    give_up('REFUSED') if $what =~ /refused/;
    give_up("OTHER: dial $protocol $rest[0]: $what");
}

sub give_up { print STDERR "$_[0]\n"; exit 1 }
