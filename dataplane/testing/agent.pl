#!/usr/bin/perl
# Listens and connects in any network namespace of a sandbox, for tests. One process does it all, since a
# process for each connection costs more than the connection.
#
#   perl agent.pl ARCHITECTURE < REQUESTS > ANSWERS
#
# A request is a line, its words separated by tabs: an id, a verb, its arguments; NETNS is a name below
# /run/netns, or - for the namespace the agent was started in. The answer is a line: the id and what came of it.
#
#   serve   NETNS NAME PORT...                                     ready
#   connect NETNS PROTOCOL ADDRESS PORT TIMEOUT SOURCE SPORT TIMES  outcome=count...
#   open    NETNS PROTOCOL ADDRESS PORT TIMEOUT SOURCE SPORT        outcome; the connection stays, by this id
#   talk    OPENED TIMEOUT                                          outcome
#   close   OPENED                                                  closed
#   write   NETNS PATH TEXT                                         written
#   sctp                                                            sockets, or crafted: see below
#
# An outcome is what the server said (its name and the address it saw), the name of an error, or ETIMEDOUT.
# SOURCE and SPORT may be -. Servers speak TCP, UDP and SCTP of both families on each port. Where the kernel
# has no SCTP, an INIT chunk and its answer are made here and go through raw sockets: rules see no difference.
# What such a kernel says of every port (no such protocol) is ECONNREFUSED here.
use strict;
use warnings;
no warnings "recursion";
use Errno qw(EINPROGRESS EAGAIN);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use Socket qw(:all);

# As Node.js names architectures.
my %numbers = (x64 => { setns => 308, clock_gettime => 228 }, arm64 => { setns => 268, clock_gettime => 113 });
my $nr = $numbers{ $ARGV[0] // '' } // die "usage: agent.pl x64|arm64\n";
my $error_names = { map { (Errno->can($_)->() => $_) } keys %! };
my $sctp = 132;
my $has_sctp = socket(my $probe, AF_INET, SOCK_STREAM, $sctp);
$SIG{PIPE} = 'IGNORE';

my (%reader, %writer, %timer, %opened, %namespace, %raw_listener, %raw_port);
my $timers = 0;
open($namespace{'-'}, '<', '/proc/self/ns/net') or die "own namespace: $!";
my $current = '-';
my $input = '';
my $tag = 1;
my @crc_table = map { my $c = $_; $c = $c & 1 ? ($c >> 1) ^ 0x82F63B78 : $c >> 1 for 1 .. 8; $c } 0 .. 255;

# --- requests ----------------------------------------------------------------------------------------

my %verbs = (
    serve => sub {
        my ($id, $netns, $name, @ports) = @_;
        enter($netns);
        for my $port (@ports) {
            listen_stream($name, $port, IPPROTO_TCP);
            listen_stream($name, $port, $sctp) if $has_sctp;
            listen_datagram($name, $port);
        }
        listen_raw($netns, $_) for $has_sctp ? () : (AF_INET, AF_INET6);
        $raw_port{"$netns $_"} = $name for @ports;
        answer($id, 'ready');
    },
    connect => sub {
        my ($id, @to) = @_;
        my $left = pop @to;
        my %counts;
        my $next;
        $next = sub {
            $counts{ $_[0] }++;
            # What waits for nobody once would do so every time.
            return attempt(\@to, $next) if --$left > 0 && $_[0] ne 'ETIMEDOUT';
            undef $next;
            answer($id, map { "$_=$counts{$_}" } sort keys %counts);
        };
        attempt(\@to, $next);
    },
    open => sub {
        my ($id, @to) = @_;
        attempt(\@to, sub { my ($outcome, $socket, $proto) = @_; $opened{$id} = [$socket, $proto]; answer($id, $outcome) }, 1);
    },
    talk => sub {
        my ($id, $which, $timeout) = @_;
        my ($socket) = @{ $opened{$which} // [] };
        return answer($id, 'ENOTCONN') unless $socket;
        # What came late to an earlier question is no answer to this one.
        my $old;
        1 while sysread($socket, $old, 4096);
        return answer($id, error_name()) unless defined syswrite($socket, "again\n");
        await_text($socket, $timeout, sub { answer($id, $_[0]) });
    },
    close => sub { my ($id, $which) = @_; drop($opened{$which}[0]) if $opened{$which}[0]; delete $opened{$which}; answer($id, 'closed') },
    sctp => sub { answer($_[0], $has_sctp ? 'sockets' : 'crafted') },
    write => sub {
        my ($id, $netns, $path, $text) = @_;
        enter($netns);
        open(my $file, '>', $path) or die "$path: $!\n";
        defined syswrite($file, $text) or die "$path: $!\n";
        answer($id, 'written');
    },
);

$reader{ fileno STDIN } = sub {
    exit 0 unless sysread(STDIN, $input, 65536, length $input);
    while ($input =~ s/^([^\n]*)\n//) {
        my ($id, $verb, @words) = split /\t/, $1;
        eval { ($verbs{$verb} // die "no verb $verb\n")->($id, @words); 1 } or answer($id, '!' . $@ =~ s/\s+$//r);
    }
};

while (1) {
    my ($read, $write) = (bits(\%reader), bits(\%writer));
    my ($soonest) = sort { $a <=> $b } map { $_->[0] } values %timer;
    my $wait = defined $soonest ? $soonest - now() : undef;
    select($read, $write, undef, defined $wait && $wait < 0 ? 0 : $wait);
    for my $set ([$write, \%writer], [$read, \%reader]) {
        for my $number (keys %{ $set->[1] }) {
            $set->[1]{$number}->() if $set->[1]{$number} && vec($set->[0], $number, 1);
        }
    }
    for my $key (keys %timer) {
        my $due = $timer{$key} // next;
        next if $due->[0] > now();
        delete $timer{$key};
        $due->[1]->();
    }
}

# --- clients -----------------------------------------------------------------------------------------

# One connection, or one exchange of datagrams; then calls back with the outcome, and the socket if it is kept.
# Sending says EPERM where a rule of the own node takes the packet, be it to drop or to reject it: wait and see.
sub attempt {
    my ($to, $done, $keep) = @_;
    my ($netns, $proto, $address, $port, $timeout, $source, $sport) = @$to;
    enter($netns);
    my $family = $address =~ /:/ ? AF_INET6 : AF_INET;
    my $raw = $proto eq 'SCTP' && !$has_sctp;
    # A port that had another flow a while ago would go where that one went, and IPVS would take the answers for its own.
    $sport = 10_000 + ++$tag % 30_000 if !$raw && $sport eq '-';
    my ($type, $number) =
        $raw ? (SOCK_RAW, $sctp) : $proto eq 'UDP' ? (SOCK_DGRAM, IPPROTO_UDP)
        : (SOCK_STREAM, $proto eq 'SCTP' ? $sctp : IPPROTO_TCP);
    socket(my $socket, $family, $type, $number) or return $done->(error_name());
    nonblocking($socket);
    my $finish = sub {
        my ($outcome) = @_;
        forget($socket);
        close $socket unless $keep;
        $done->($outcome, $socket, $proto);
    };
    # IP_RECVERR: errors that ICMP brings, which SCTP keeps to itself unless it is asked.
    setsockopt($socket, $family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, $family == AF_INET ? 11 : 25, 1) if $proto eq 'SCTP';
    if ($source ne '-' || $sport ne '-') {
        setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1);
        bind($socket, address($family, $raw || $sport eq '-' ? 0 : $sport, $source eq '-' ? any($family) : $source)) or return $finish->(error_name());
    }
    my $connected = connect($socket, address($family, $raw ? 0 : $port, $address));
    return $finish->(error_name()) unless $connected || $! == EINPROGRESS;
    return exchange_init($socket, $family, $port, $timeout, $finish) if $raw;
    if ($proto eq 'UDP') {
        defined send($socket, "once\n", 0) or $!{EPERM} or return $finish->(error_name());
        return await_text($socket, $timeout, $finish);
    }
    my $deadline = now() + $timeout;
    after($socket, $timeout, sub { $finish->('ETIMEDOUT') });
    $writer{ fileno $socket } = sub {
        delete $writer{ fileno $socket };
        $! = unpack 'i', getsockopt($socket, SOL_SOCKET, SO_ERROR);
        return $finish->(error_name()) if $!;
        await_text($socket, $deadline - now(), $finish);
    };
}

sub await_text {
    my ($socket, $timeout, $finish) = @_;
    after($socket, $timeout, sub { forget($socket); $finish->('ETIMEDOUT') });
    $reader{ fileno $socket } = sub {
        my $got = sysread($socket, my $text, 4096);
        return if !defined $got && $! == EAGAIN;
        my $outcome = !defined $got ? error_name() : $got == 0 ? 'EOF' : $text =~ s/\n.*//sr;
        forget($socket);
        $finish->($outcome);
    };
}

# The first two packets of an association; the answer's cookie carries the text.
sub exchange_init {
    my ($socket, $family, $port, $timeout, $finish) = @_;
    my $own = 20_000 + ++$tag % 40_000;
    my $init = pack 'NNnnN', $tag, 65_536, 1, 1, $tag;
    my $packet = packet($own, $port, 0, chunk(1, $init));
    defined send($socket, $packet, 0) or $!{EPERM} or return $finish->(error_name());
    after($socket, $timeout, sub { $finish->('ETIMEDOUT') });
    $reader{ fileno $socket } = sub {
        if (!defined sysread($socket, my $bytes, 4096)) {
            my $outcome = error_name();
            # Every raw socket to that address is told of the error; the packet that met it says whose it is.
            while (defined recv($socket, my $sent, 4096, MSG_ERRQUEUE)) {
                next unless unpack('n', $sent) == $own;
                return $finish->($outcome =~ /^(?:ENOPROTOOPT|EPROTO|EAGAIN)$/ ? 'ECONNREFUSED' : $outcome);
            }
        } else {
            my ($from, $to, $type, $body) = parse($family, $bytes);
            # Our own packet is back: it went to this very namespace, where nobody else takes it.
            return $finish->('ECONNREFUSED') if $type == 1 && $from == $own && $to == $port;
            $finish->(substr($body, 20) =~ s/\0.*//sr) if $type == 2 && $from == $port && $to == $own;
        }
    };
}

# --- servers -----------------------------------------------------------------------------------------

sub listen_stream {
    my ($name, $port, $number) = @_;
    socket(my $listener, AF_INET6, SOCK_STREAM, $number) or die "socket: $!\n";
    setsockopt($listener, SOL_SOCKET, SO_REUSEADDR, 1);
    bind($listener, pack_sockaddr_in6($port, IN6ADDR_ANY)) && listen($listener, 512) or die "port $port: $!\n";
    nonblocking($listener);
    $reader{ fileno $listener } = sub {
        my $peer = accept(my $socket, $listener) or return;
        nonblocking($socket);
        my $text = "$name " . seen($peer) . "\n";
        syswrite($socket, $text);
        $reader{ fileno $socket } = sub {
            my $got = sysread($socket, my $asked, 4096);
            return if !defined $got && $! == EAGAIN;
            return drop($socket) unless $got;
            syswrite($socket, $text);
        };
    };
}

sub listen_datagram {
    my ($name, $port) = @_;
    socket(my $socket, AF_INET6, SOCK_DGRAM, IPPROTO_UDP) or die "socket: $!\n";
    bind($socket, pack_sockaddr_in6($port, IN6ADDR_ANY)) or die "port $port: $!\n";
    nonblocking($socket);
    $reader{ fileno $socket } = sub {
        while (defined(my $peer = recv($socket, my $asked, 4096, 0))) { send($socket, "$name " . seen($peer) . "\n", 0, $peer) }
    };
}

sub listen_raw {
    my ($netns, $family) = @_;
    return if $raw_listener{"$netns $family"}++;
    socket(my $socket, $family, SOCK_RAW, $sctp) or die "raw socket: $!\n";
    nonblocking($socket);
    $reader{ fileno $socket } = sub {
        while (defined(my $peer = recv($socket, my $bytes, 4096, 0))) {
            my ($from, $to, $type, $body) = parse($family, $bytes);
            my $name = $raw_port{"$netns $to"};
            next unless $type == 1 && defined $name;
            my $text = "$name " . seen($peer);
            $text .= "\0" x (4 - length($text) % 4);
            my $init = pack('NNnnN', $tag, 65_536, 1, 1, $tag) . pack('nn', 7, 4 + length $text) . $text;
            send($socket, packet($to, $from, unpack('N', $body), chunk(2, $init)), 0, $peer);
        }
    };
}

# --- SCTP as in RFC 9260 -----------------------------------------------------------------------------

sub chunk { my ($type, $body) = @_; return pack('CCn', $type, 0, 4 + length $body) . $body }

sub packet {
    my ($from, $to, $verification, $chunks) = @_;
    my $bytes = pack('nnNN', $from, $to, $verification, 0) . $chunks;
    my $crc = 0xFFFFFFFF;
    $crc = ($crc >> 8) ^ $crc_table[ ($crc ^ $_) & 0xFF ] for unpack 'C*', $bytes;
    substr($bytes, 8, 4) = pack 'V', $crc ^ 0xFFFFFFFF;
    return $bytes;
}

# Only raw sockets of IPv4 are given the IP header too.
sub parse {
    my ($family, $bytes) = @_;
    $bytes = substr $bytes, 4 * (ord($bytes) & 15) if $family == AF_INET;
    my ($from, $to, undef, undef, $type) = unpack 'nnNNC', $bytes;
    return ($from, $to, $type // 0, substr $bytes, 16);
}

# --- small things ------------------------------------------------------------------------------------

sub enter {
    my ($netns) = @_;
    return if $netns eq $current;
    open($namespace{$netns}, '<', "/run/netns/$netns") or die "$netns: $!\n" unless $namespace{$netns};
    syscall($nr->{setns}, fileno $namespace{$netns}, 0x40000000) == 0 or die "$netns: $!\n";
    $current = $netns;
}

sub answer { syswrite(STDOUT, join("\t", @_) . "\n") }
sub error_name { return $error_names->{ $! + 0 } // "errno $!" }
sub any { return $_[0] == AF_INET ? '0.0.0.0' : '::' }

sub address {
    my ($family, $port, $text) = @_;
    my $bytes = inet_pton($family, $text) // die "address $text\n";
    return $family == AF_INET ? pack_sockaddr_in($port, $bytes) : pack_sockaddr_in6($port, $bytes);
}

sub seen {
    my ($peer) = @_;
    return inet_ntoa((unpack_sockaddr_in($peer))[1]) if sockaddr_family($peer) == AF_INET;
    return inet_ntop(AF_INET6, (unpack_sockaddr_in6($peer))[1]) =~ s/^::ffff:(?=.*\.)//r;
}

sub nonblocking { my ($socket) = @_; fcntl($socket, F_SETFL, fcntl($socket, F_GETFL, 0) | O_NONBLOCK) }
sub after { my ($socket, $seconds, $then) = @_; $timer{ fileno $socket } = [now() + $seconds, $then] }
sub forget { my $number = fileno $_[0]; delete $_->{$number} for \%reader, \%writer, \%timer }
sub drop { forget($_[0]); close $_[0] }
sub bits { my $set = ''; vec($set, $_, 1) = 1 for keys %{ $_[0] }; return $set }

sub now {
    my $buffer = "\0" x 16;
    syscall($nr->{clock_gettime}, 1, $buffer);
    my ($seconds, $nano) = unpack 'qq', $buffer;
    return $seconds + $nano / 1e9;
}
