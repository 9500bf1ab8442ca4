#!/usr/bin/perl
# Carries packets between a TUN device and UDP, as flanneld's udp backend does.
#
#   perl encapsulate.pl DEVICE ADDRESS PORT
#
# Each line of standard input is the whole table, `10.244.1.0/24 172.18.0.3 …`: networks, and the address that
# packets for them are sent to, at the same port; `ok` is the answer. Ends with its input. A packet that no
# network holds is answered with ICMP's `network unreachable`. Upstream: flannel `pkg/backend/udp/proxy_amd64.c`.
use strict;
BEGIN { $^W = 1 }    # As `use warnings`, whose module would be much of this process's memory.

my ($AF_INET, $SOCK_DGRAM, $F_SETFL, $O_NONBLOCK, $O_RDWR) = (2, 2, 4, 0x800, 2);
my ($TUNSETIFF, $TUN_WITHOUT_HEADER) = (0x400454ca, 0x1001);
my $most = 64;       # Packets of one side before the other has its turn.

my ($device, $address, $port) = @ARGV;
die "usage: encapsulate.pl DEVICE ADDRESS PORT\n" if !defined $port;
$| = 1;

sysopen(my $tun, '/dev/net/tun', $O_RDWR)
    or die "open /dev/net/tun: $!; overlay udp needs a TUN device: start the cluster as root, or choose vxlan or host-gw\n";
ioctl($tun, $TUNSETIFF, pack 'a16 s x22', $device, $TUN_WITHOUT_HEADER) or die "TUN device $device: $!\n";
socket(my $udp, $AF_INET, $SOCK_DGRAM, 0) or die "socket: $!\n";
bind($udp, place($address)) or die "UDP $address:$port: $!\n";
fcntl($_, $F_SETFL, $O_NONBLOCK) or die "fcntl: $!\n" for $tun, $udp;

my %routes;          # mask → network → where to
my $rest = '';
my $wanted = '';
vec($wanted, fileno $_, 1) = 1 for $tun, $udp, \*STDIN;
while (1) {
    next if select(my $readable = $wanted, undef, undef, undef) < 0;
    outwards() if vec($readable, fileno $tun, 1);
    inwards()  if vec($readable, fileno $udp, 1);
    if (vec($readable, fileno STDIN, 1)) {
        exit 0 if !sysread(STDIN, $rest, 65536, length $rest);
        while ($rest =~ s/^([^\n]*)\n//) { learn(split ' ', $1); print "ok\n" }
    }
}

sub place { pack 'S n a4 x8', $AF_INET, $port, binary($_[0]) }
sub binary { pack 'C4', split /\./, $_[0] }

sub learn {
    %routes = ();
    while (my ($network, $via) = splice @_, 0, 2) {
        my ($base, $bits) = split m{/}, $network;
        my $mask = pack 'N', $bits ? 0xffffffff << (32 - $bits) & 0xffffffff : 0;
        $routes{$mask}{ binary($base) & $mask } = place($via);
    }
}

sub outwards {
    for (1 .. $most) {
        return if !sysread($tun, my $packet, 65536);
        next if length $packet < 20 || ord($packet) >> 4 != 4;
        my $to = substr $packet, 16, 4;
        my $via;
        for my $mask (keys %routes) { last if $via = $routes{$mask}{ $to & $mask } }
        if (!$via) { refuse($packet) }
        # What does not fit into the socket now is lost, as on any link.
        elsif (hop($packet)) { send($udp, $packet, 0, $via) }
    }
}

sub inwards {
    for (1 .. $most) {
        return if !defined recv($udp, my $packet, 65536, 0);
        next if length $packet < 20 || ord($packet) >> 4 != 4 || !hop($packet);
        syswrite($tun, $packet);
    }
}

# Takes one off the time to live; false where none is left. The checksum's sum falls by as much (RFC 1624).
sub hop {
    my $ttl = vec($_[0], 8, 8);
    return 0 if $ttl <= 1;
    vec($_[0], 8, 8) = $ttl - 1;
    my $sum = unpack('n', substr $_[0], 10, 2) + 0x100;
    substr($_[0], 10, 2) = pack 'n', ($sum & 0xffff) + ($sum >> 16);
    return 1;
}

# ICMP type 3, code 0, from the device's own address; never in answer to another ICMP error.
sub refuse {
    my ($packet) = @_;
    my $header = (ord($packet) & 15) * 4;
    return if vec($packet, 9, 8) == 1 && vec($packet, $header, 8) !~ /^(0|8)$/;
    my $icmp = pack('C2 n N', 3, 0, 0, 0) . substr $packet, 0, $header + 8;
    substr($icmp, 2, 2) = pack 'n', checksum($icmp);
    my $own = pack 'C2 n n2 C2 n a4 a4', 0x45, 0, 20 + length $icmp, 0, 0, 8, 1, 0, binary($address),
        substr $packet, 12, 4;
    substr($own, 10, 2) = pack 'n', checksum($own);
    syswrite($tun, $own . $icmp);
}

sub checksum {
    my $sum = unpack '%32n*', $_[0] . (length($_[0]) % 2 ? "\0" : '');
    $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
    return ~$sum & 0xffff;
}
