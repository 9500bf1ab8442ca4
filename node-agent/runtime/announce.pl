#!/usr/bin/perl
# Tells everybody on a link that addresses are at this machine now.
#
#   perl announce.pl DEVICE MAC ADDRESS...
#
# IPv4: a gratuitous ARP request (RFC 5227, 3). IPv6: an unsolicited neighbour advertisement (RFC 4861, 7.2.6). Who has
# an entry for the address changes it; nobody else takes note.
use strict;
BEGIN { $^W = 1 }    # As `use warnings`, whose module would be much of this process's memory.

my ($AF_INET6, $AF_PACKET, $SOCK_RAW, $SIOCGIFINDEX) = (10, 17, 3, 0x8933);
my ($IPPROTO_IPV6, $IPPROTO_ICMPV6, $IPV6_MULTICAST_IF, $IPV6_MULTICAST_HOPS) = (41, 58, 17, 18);

my ($device, $mac, @addresses) = @ARGV;
die "usage: announce.pl DEVICE MAC ADDRESS...\n" if !@addresses;
my $own = pack 'H12', $mac =~ tr/://dr;
my $everybody = "\xff" x 6;

socket(my $packets, $AF_PACKET, $SOCK_RAW, 0) or die "packet socket: $!\n";
my $request = pack 'a16 x24', $device;
ioctl($packets, $SIOCGIFINDEX, $request) or die "$device: $!\n";
my $index = unpack 'x16 i', $request;

for my $address (@addresses) { $address =~ /:/ ? advertise($address) : arp($address) }

sub arp {
    my $ip = pack 'C4', split /\./, $_[0];
    my $frame = $everybody . $own . pack('n n n C C n', 0x806, 1, 0x800, 6, 4, 1) . $own . $ip . "\0" x 6 . $ip;
    # sockaddr_ll: family, protocol, index, hardware and packet type, length and bytes of the address
    my $to = pack 'S n i S C C a8', $AF_PACKET, 0x806, $index, 0, 0, 6, $everybody;
    defined send($packets, $frame, 0, $to) or die "ARP for $_[0]: $!\n";
}

sub advertise {
    socket(my $icmp, $AF_INET6, $SOCK_RAW, $IPPROTO_ICMPV6) or die "ICMPv6 socket: $!\n";
    # Others are dropped: they may have come from behind a router.
    setsockopt($icmp, $IPPROTO_IPV6, $IPV6_MULTICAST_HOPS, pack 'i', 255) or die "hop limit: $!\n";
    setsockopt($icmp, $IPPROTO_IPV6, $IPV6_MULTICAST_IF, pack 'i', $index) or die "$device: $!\n";
    # Router, override; the checksum is the kernel's.
    my $message = pack('C2 n N', 136, 0, 0, 0xa0000000) . binary($_[0]) . pack('C2', 2, 1) . $own;
    my $to = pack 'S n N a16 L', $AF_INET6, 0, 0, binary('ff02::1'), $index;
    defined send($icmp, $message, 0, $to) or die "advertisement of $_[0]: $!\n";
}

sub binary {
    my ($before, $after) = map { [split /:/] } split /::/, $_[0], 2;
    my @after = @{ $after || [] };
    my @zeros = (0) x (8 - @$before - @after);
    return pack 'n8', map { hex } @$before, @zeros, @after;
}
