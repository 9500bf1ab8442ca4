# agnhost port-forward-tester: one connection, by variables. Upstream: port-forward-tester/portforwardtester.go.
use strict;
use warnings;
require '/usr/local/lib/v9s/serve.pl';

$| = 1;
my ($found, $why) = resolve($ENV{BIND_ADDRESS} || 'localhost', $ENV{BIND_PORT} // '');
leave(1, "Error resolving: $why") if !$found;
my $to = $found->[0];
socket my $listener, $to->{family}, SOCK_STREAM(), 0 or leave(1, "Error listening: $!");
setsockopt $listener, SOL_SOCKET(), SO_REUSEADDR(), 1;
bind $listener, $to->{addr} and listen $listener, 1 or leave(1, "Error listening: $!");
accept my $client, $listener or leave(1, "Error accepting connection: $!");
print "Accepted client connection\n";
my $expected = $ENV{EXPECTED_CLIENT_DATA} // '';
if ($expected ne '') {
    my $data = '';
    while (length $data < length $expected) { sysread $client, $data, length($expected) - length $data, length $data or last }
    leave(2, sprintf 'Expected to read %d bytes from client, but got %d instead. err=EOF', length $expected, length $data)
        if length $data < length $expected;
    leave(3, qq{Expect to read "$expected", but got "$data". err=<nil>}) if $data ne $expected;
    print "Received expected client data\n";
}
my ($chunks, $size, $interval) = map {
    ($ENV{$_} // '') =~ /^\d+$/ or leave(1, "Error parsing $_ \"" . ($ENV{$_} // '') . '": strconv.Atoi: invalid syntax');
    $ENV{$_};
} qw(CHUNKS CHUNK_SIZE CHUNK_INTERVAL);
for my $chunk (1 .. $chunks) {
    send_all($client, 'x' x $size) or leave(4, "Expected to write $size bytes from client. err=$!");
    select undef, undef, undef, $interval / 1000 if $chunk < $chunks;
}
print "Shutting down connection\n";
shutdown $client, 1;
select undef, undef, undef, 0.5;
print "Done\n";
exit 0;

sub leave { print "$_[1]\n"; exit $_[0] }
