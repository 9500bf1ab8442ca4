# Sends or receives numbered blocks over TCP, IPv4 or IPv6:
#   perl -e THIS receive ADDRESS PORT       prints `BYTES SUM` of what came, until the end
#   perl -e THIS send ADDRESS PORT BYTES    waits until somebody listens; prints the same of what it sent
use strict;
use Socket qw(getaddrinfo AI_NUMERICHOST SOCK_STREAM SOL_SOCKET SO_REUSEADDR);

my ($what, $address, $port, $size) = @ARGV;
my ($error, $place) = getaddrinfo($address, $port, { flags => AI_NUMERICHOST, socktype => SOCK_STREAM });
die "$address: $error\n" if $error;
my ($bytes, $sum) = (0, 0);

# Position-dependent: swapped, lost or doubled pieces show.
sub count { $bytes += length $_[0]; $sum = ($sum * 31 + unpack '%32C*', $_[0]) % 4294967296 }

if ($what eq 'receive') {
    socket(my $listening, $place->{family}, SOCK_STREAM, 0) or die "socket: $!\n";
    setsockopt($listening, SOL_SOCKET, SO_REUSEADDR, 1);
    bind($listening, $place->{addr}) or die "bind: $!\n";
    listen($listening, 1) or die "listen: $!\n";
    accept(my $peer, $listening) or die "accept: $!\n";
    my $rest = '';
    while (sysread($peer, $rest, 65536, length $rest)) {
        count(substr $rest, 0, 65536, '') while length $rest >= 65536;
    }
    count($rest) if length $rest;
} else {
    my $peer;
    for my $attempt (1 .. 500) {
        socket($peer, $place->{family}, SOCK_STREAM, 0) or die "socket: $!\n";
        last if connect($peer, $place->{addr});
        die "connect: $!\n" if $attempt == 500;
        select(undef, undef, undef, 0.02);
    }
    for (my $block = 0 ; $bytes < $size ; $block++) {
        my $text = pack('N', $block * 2654435761 % 4294967296) x 16384;
        $text = substr $text, 0, $size - $bytes;
        for (my $at = 0 ; $at < length $text ;) {
            $at += syswrite($peer, $text, length($text) - $at, $at) // die "write: $!\n";
        }
        count($text);
    }
    shutdown($peer, 1);
}
print "$bytes $sum\n";
