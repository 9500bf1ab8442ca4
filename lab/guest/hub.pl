# perl hub.pl SOCKET: an Ethernet hub for guests: what one sends, all others get. User-mode Linux connects to SOCKET
# (SOCK_SEQPACKET), a frame a packet. Says "ready" once it can be connected to; ends with its standard input.
use strict;
use warnings;
use Socket;

my ($path) = @ARGV;
socket(my $server, AF_UNIX, SOCK_SEQPACKET, 0) or die "socket: $!\n";
bind($server, pack_sockaddr_un($path)) or die "$path: $!\n";
listen($server, 16) or die "listen: $!\n";
$| = 1;
print "ready\n";

my %guests;
while (1) {
    my $wanted = '';
    vec($wanted, $_, 1) = 1 for fileno(STDIN), fileno($server), keys %guests;
    next if select(my $ready = $wanted, undef, undef, undef) < 0;
    last if vec($ready, fileno(STDIN), 1) && !sysread(STDIN, $wanted, 4096);
    if (vec($ready, fileno($server), 1) && accept(my $guest, $server)) {
        $guests{ fileno($guest) } = $guest;
    }
    for my $number (grep { vec($ready, $_, 1) } keys %guests) {
        my $guest = $guests{$number};
        my $frame = '';
        if (!defined recv($guest, $frame, 65_536, 0) || $frame eq '') {
            delete $guests{$number};
            next;
        }
        # A guest that is slow loses frames, as it would at a real one.
        send($_, $frame, MSG_DONTWAIT) for grep { $_ != $guest } values %guests;
    }
}
