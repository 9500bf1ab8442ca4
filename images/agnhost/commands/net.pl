# agnhost net --runner nat-closewait-server|nat-closewait-client --options JSON: a connection of which only one half is closed, for
# tests of how long connection tracking remembers it. Upstream: test/images/agnhost/net/nat/closewait.go.
use strict;
use warnings;
use Socket;
require '/usr/local/lib/v9s/serve.pl';

my ($flag) = flags(\@ARGV, { runner => '', options => '{}', serve => '' });
fatal('--serve: this image only runs what --runner names') if $flag->{serve} ne '';
fatal('Must set either --runner or --serve, see --help') if $flag->{runner} eq '';
my %run = ('nat-closewait-server' => \&server, 'nat-closewait-client' => \&client);
my $run = $run{ $flag->{runner} } or fatal("Invalid runner: '$flag->{runner}', see --help");
# Names, numbers and truth: these options have nothing else.
my %option = map { $_ => undef } qw(LocalAddr RemoteAddr PostFinTimeoutSeconds TimeoutSeconds LeakConnection);
for my $name (keys %option) {
    ($option{$name}) = grep { defined } $flag->{options} =~ /"$name"\s*:\s*(?:"([^"]*)"|([\w.]+))/;
}
$run->();
exit 0;

sub parts {
    my ($address) = @_;
    return $address =~ /^\[?(.*?)\]?:(\d+)$/ ? ($1, $2) : fatal("Error: address $address: missing port in address");
}

sub server {
    my ($host, $port) = parts($option{LocalAddr} // '');
    my $listener = bound('tcp', $port, $host eq '' ? undef : $host);
    note("Server listening on $option{LocalAddr}");
    accept(my $socket, $listener) or fatal("Error: accept: $!");
    note('Client connected');
    # Its end of the connection; the other stays open.
    shutdown $socket, 1;
    my $seconds = $option{PostFinTimeoutSeconds} // 0;
    note("Server sent FIN, waiting $seconds seconds");
    sleep $seconds;
    note('Done');
}

sub client {
    my ($host, $port) = parts($option{RemoteAddr} // '');
    my ($found, $why) = resolve($host, $port);
    fatal("Error: $why") if !$found;
    my ($socket, $failure) = dial('tcp', $found->[0], $option{TimeoutSeconds} || 0);
    fatal("Error: $failure") if !$socket;
    my $read = sysread $socket, my $text, 1;
    fatal('Error: expected EOF, the server sent something') if $read;
    note('Server has ended its half');
    sleep($option{PostFinTimeoutSeconds} // 0);
    note('Done');
}
