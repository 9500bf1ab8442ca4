# perl link.pl listen|connect SOCKET: a cable between the underlays of labs, for which no right is needed outside them.
# The bridge `underlay` gets a port whose other end is read here through packet(7); frames go to the other side over a
# Unix socket (SOCK_SEQPACKET), each with its virtio_net_hdr, so that checksums and segmentation may stay undone. One lab
# listens, others connect; what comes from one goes to all. The gateway and `outside` of each lab are its own: they have
# the same addresses in all.
use strict;
use warnings;
use Socket;

my ($mode, $path) = @ARGV;
my ($AF_PACKET, $ETH_P_ALL, $SIOCGIFINDEX, $SOL_PACKET, $PACKET_VNET_HDR) = (17, 3, 0x8933, 263, 15);
my $header = 10;    # Length of a virtio_net_hdr.
my $gateway = "\x02\x12\xac\x12\0\x01";
my $outside = inet_aton('172.18.255.254');

# A restart finds them.
system('ip', 'link', 'add', 'link0', 'type', 'veth', 'peer', 'name', 'link1') if !index_of('link0');
for ("link set link1 addrgenmode none up", "link set link0 addrgenmode none master underlay alias link up") {
    system('ip', split ' ') == 0 or die "ip $_ failed\n";
}

socket(my $port, $AF_PACKET, SOCK_RAW, unpack('S', pack 'n', $ETH_P_ALL)) or die "packet socket: $!\n";
bind($port, pack('S n i S C C a8', $AF_PACKET, $ETH_P_ALL, index_of('link1'), 0, 0, 0, '')) or die "link1: $!\n";
setsockopt($port, $SOL_PACKET, $PACKET_VNET_HDR, pack 'i', 1) or die "PACKET_VNET_HDR: $!\n";

my (%sides, $server);
socket(my $socket, AF_UNIX, SOCK_SEQPACKET, 0) or die "socket: $!\n";
if ($mode eq 'listen') {
    unlink $path;
    umask 0177;
    bind($socket, pack_sockaddr_un($path)) or die "$path: $!\n";
    listen($socket, 16) or die "listen: $!\n";
    $server = $socket;
} else {
    connect($socket, pack_sockaddr_un($path)) or die "$path: $!; is the other lab up?\n";
    $sides{ fileno $socket } = $socket;
}

while (1) {
    my $wanted = '';
    vec($wanted, $_, 1) = 1 for fileno($port), keys(%sides), $server ? fileno($server) : ();
    next if select(my $ready = $wanted, undef, undef, undef) < 0;
    if ($server && vec($ready, fileno($server), 1) && accept(my $side, $server)) { $sides{ fileno $side } = $side }
    if (vec($ready, fileno($port), 1)) {
        my $frame = '';
        if (defined recv($port, $frame, 65_600, 0) && passes($frame)) { send($_, $frame, MSG_DONTWAIT) for values %sides }
    }
    for my $number (grep { vec($ready, $_, 1) } keys %sides) {
        my $side = $sides{$number} or next;
        my $frame = '';
        if (!defined recv($side, $frame, 65_600, 0) || $frame eq '') {
            # The supervisor starts this again, until there is somebody.
            die "the other lab has ended\n" if !$server;
            delete $sides{$number};
            next;
        }
        send($port, $frame, MSG_DONTWAIT);
        send($_, $frame, MSG_DONTWAIT) for grep { $_ != $side } values %sides;
    }
}

# What is about a lab's own gateway or `outside` stays in it: their frames, and questions for their addresses.
sub passes {
    my ($to, $from, $type) = unpack 'a6 a6 n', substr $_[0], $header, 14;
    return 0 if !defined $type || $from eq $gateway || $to eq $gateway;
    return 1 if $type != 0x0806;
    my ($sender, $target) = map { substr $_[0], $header + $_, 4 } 28, 38;
    return $sender ne $outside && $target ne $outside && $target ne inet_aton('172.18.0.1');
}

sub index_of {
    socket(my $any, AF_INET, SOCK_DGRAM, 0) or die "socket: $!\n";
    my $request = pack 'a16 x24', $_[0];
    return ioctl($any, $SIOCGIFINDEX, $request) ? unpack('x16 i', $request) : 0;
}
