# What the images' servers share: one loop over listening sockets and connections, HTTP/1.1 on it, and small
# things of Go's that people see in answers and logs. Only perl-base is asked for.
#
#   require '/usr/local/lib/v9s/serve.pl';
#   serve_http(8080, sub { my ($request) = @_; return (200, "hello\n") });
#   run_loop();
#
# A handler is given { method, target, path, query, header, body, peer } and returns status, content and headers.
# Where it returns a function instead, that is called in a process of its own and returns them: it may take long.
use strict;
use warnings;
use Socket qw(:DEFAULT :addrinfo IPPROTO_IPV6 IPV6_V6ONLY IPPROTO_TCP SOMAXCONN inet_ntop inet_pton);

my $sctp_protocol = 132;
my %watched;    # by file number: handle, what to do when it can be read, and for a connection when it was last
my @timers;     # [time, function]
my %reason = (
    200 => 'OK', 201 => 'Created', 204 => 'No Content', 301 => 'Moved Permanently', 302 => 'Found', 303 => 'See Other',
    304 => 'Not Modified', 307 => 'Temporary Redirect', 308 => 'Permanent Redirect', 400 => 'Bad Request',
    401 => 'Unauthorized', 403 => 'Forbidden', 404 => 'Not Found', 405 => 'Method Not Allowed',
    412 => 'Precondition Failed', 417 => 'Expectation Failed', 500 => 'Internal Server Error',
    501 => 'Not Implemented', 502 => 'Bad Gateway', 503 => 'Service Unavailable',
);

$SIG{PIPE} = 'IGNORE';
$SIG{CHLD} = 'IGNORE';
# PID 1 has no default action for them; programs in Go end with this code.
$SIG{$_} //= sub { exit 2 } for qw(TERM INT);

# --- the loop ---------------------------------------------------------------------------------------

sub watch {
    my ($handle, $action) = @_;
    $watched{ fileno $handle } = { handle => $handle, action => $action };
}

sub unwatch { delete $watched{ fileno $_[0] } }

sub after { push @timers, [ time + $_[0], $_[1] ] }

sub run_loop {
    while (1) {
        my $ready = '';
        vec($ready, $_, 1) = 1 for keys %watched;
        my ($next) = sort { $a <=> $b } map { $_->[0] } @timers;
        my $patience = defined $next ? $next - time : undef;
        $patience = 0 if defined $patience && $patience < 0;
        my $count = select $ready, undef, undef, $patience;
        my $now = time;
        my @due = grep { $_->[0] <= $now } @timers;
        @timers = grep { $_->[0] > $now } @timers;
        $_->[1]->() for @due;
        next if $count < 1;
        for my $number (keys %watched) {
            $watched{$number}{action}->() if vec($ready, $number, 1) && $watched{$number};
        }
    }
}

# --- sockets ----------------------------------------------------------------------------------------

# A socket on all addresses, or on one: IPv6 that takes IPv4 too, or IPv4 where the kernel has no IPv6.
sub bound {
    my ($protocol, $port, $address) = @_;
    my $type = $protocol eq 'udp' ? SOCK_DGRAM : SOCK_STREAM;
    my $number = $protocol eq 'sctp' ? $sctp_protocol : 0;
    my $six = defined $address ? $address =~ /:/ : 1;
    my $socket;
    $six = 0 if $six && !socket $socket, AF_INET6, $type, $number;
    if (!$six) { socket $socket, AF_INET, $type, $number or fatal("listen $protocol :$port: socket: " . lc $!) }
    setsockopt $socket, IPPROTO_IPV6, IPV6_V6ONLY, 0 if $six;
    setsockopt $socket, SOL_SOCKET, SO_REUSEADDR, 1;
    my $host = defined $address ? inet_pton($six ? AF_INET6 : AF_INET, $address) : $six ? Socket::IN6ADDR_ANY : INADDR_ANY;
    fatal("listen $protocol: lookup $address: no such host") if !defined $host;
    bind $socket, $six ? pack_sockaddr_in6($port, $host) : pack_sockaddr_in($port, $host)
        or fatal("listen $protocol :$port: bind: " . lc $!);
    listen $socket, SOMAXCONN or fatal("listen $protocol :$port: " . lc $!) if $type == SOCK_STREAM;
    return $socket;
}

# ADDRESS:PORT, as Go writes it.
sub address_text {
    my ($address) = @_;
    my $family = sockaddr_family($address);
    my ($port, $host) = $family == AF_INET6 ? unpack_sockaddr_in6($address) : unpack_sockaddr_in($address);
    my $text = inet_ntop($family, $host);
    return $text =~ /^::ffff:([\d.]+)$/ ? "$1:$port" : $text =~ /:/ ? "[$text]:$port" : "$text:$port";
}

# Socket addresses of a name or number; none, and why, where it cannot be found.
sub resolve {
    my ($host, $port, $type) = @_;
    my ($error, @found) = getaddrinfo($host, $port, { socktype => $type // SOCK_STREAM });
    return (undef, "lookup $host: no such host") if $error;
    return (\@found, undef);
}

# A connected socket within so many seconds, else what went wrong: `timeout`, or errno's words.
sub dial {
    my ($protocol, $to, $seconds) = @_;
    my $type = $protocol eq 'udp' ? SOCK_DGRAM : SOCK_STREAM;
    socket(my $socket, $to->{family}, $type, $protocol eq 'sctp' ? $sctp_protocol : 0) or return (undef, lc "socket: $!");
    # SO_SNDTIMEO is what connect(2) waits.
    setsockopt $socket, SOL_SOCKET, SO_SNDTIMEO, pack 'q2', int $seconds, ($seconds - int $seconds) * 1e6 if $seconds;
    return ($socket, undef) if connect $socket, $to->{addr};
    return (undef, $! == 115 || $! == 110 ? 'timeout' : lc "connect: $!");
}

# What arrives within so many seconds; undef, and why, when nothing does.
sub receive {
    my ($socket, $length, $seconds) = @_;
    my $ready = '';
    vec($ready, fileno $socket, 1) = 1;
    return (undef, 'i/o timeout') if select($ready, undef, undef, $seconds || undef) < 1;
    my $read = sysread($socket, my $text, $length);
    return defined $read ? ($text, undef) : (undef, lc "read: $!");
}

sub send_all {
    my ($socket, $text) = @_;
    for (my $at = 0; $at < length $text;) { $at += syswrite($socket, $text, length($text) - $at, $at) // return 0 }
    return 1;
}

# --- HTTP -------------------------------------------------------------------------------------------

sub serve_http {
    my ($port, $handler) = @_;
    my $listener = bound('tcp', $port);
    watch($listener, sub {
        my $address = accept(my $socket, $listener) or return;
        setsockopt $socket, IPPROTO_TCP, 1, 1;
        my $connection = { socket => $socket, peer => address_text($address), text => '', handler => $handler };
        watch($socket, sub { read_requests($connection) });
    });
}

# The same over TLS. Perl-base has none: tls.mjs beside it decrypts, and says in a first line who asks.
sub serve_https {
    my ($port, $certificate, $key, $handler) = @_;
    my $name = "v9s-tls-$$-$port";
    socket my $listener, AF_UNIX, SOCK_STREAM, 0 or fatal("socket: $!");
    bind $listener, pack_sockaddr_un("\0$name") or fatal("bind: $!");
    listen $listener, SOMAXCONN or fatal("listen: $!");
    watch($listener, sub {
        accept(my $socket, $listener) or return;
        my $connection = { socket => $socket, text => '', handler => $handler };
        watch($socket, sub { read_requests($connection) });
    });
    my $child = fork // fatal("fork: $!");
    return if $child;
    exec '/opt/v9s/bin/node', '/usr/local/lib/v9s/tls.mjs', $port, $certificate, $key, $name
        or fatal("TLS: /opt/v9s/bin/node: $!");
}

# Answers every complete request in what has arrived.
sub read_requests {
    my ($this) = @_;
    my $length = sysread $this->{socket}, $this->{text}, 65536, length $this->{text};
    return unwatch($this->{socket}) if !$length || length $this->{text} > 16_777_216;
    if (!defined $this->{peer}) { $this->{peer} = $1 if $this->{text} =~ s/^PROXY (\S+)\n// }
    return if !defined $this->{peer};
    while ($this->{text} =~ /\r?\n\r?\n/) {
        my ($head, $rest) = ($`, $');
        my ($body) = $head =~ /^content-length:\s*(\d+)/mi;
        return if length $rest < ($body // 0);
        $this->{text} = substr $rest, $body // 0;
        return unwatch($this->{socket}) if !answer($this, $head, substr $rest, 0, $body // 0);
    }
}

# Whether the connection stays.
sub answer {
    my ($this, $head, $body) = @_;
    my ($method, $target, $minor) = $head =~ m{^([A-Z]+) (\S+) HTTP/1\.([01])\r?$}m;
    return send_all($this->{socket}, response(1, 0, 400, "400 Bad Request")) && 0 if !defined $minor;
    my %header;
    $header{ lc $1 } = $2 while $head =~ /^([\w-]+):[ \t]*(.*?)\r?$/mg;
    my ($path, $query) = $target =~ m{^(?:https?://[^/]*)?([^?]*)\??(.*)$}s;
    my $fields = form($query);
    my $form = ($header{'content-type'} // '') =~ /x-www-form-urlencoded/ ? form($body) : {};
    my $request = {
        method => $method, target => $target, path => decoded($path), query => { %$fields, %$form }, header => \%header,
        head => $head, body => $body, peer => $this->{peer}, socket => $this->{socket},
    };
    my $stays = ($header{connection} // ($minor ? '' : 'close')) !~ /close/i;
    my ($status, @rest) = $this->{handler}->($request);
    if (ref $status) {
        my $child = fork;
        return 0 if $child;
        # The process that was made for it, or this one where none can be made.
        send_all($this->{socket}, response($method ne 'HEAD', 0, $status->()));
        exit 0 if defined $child;
        return 0;
    }
    return send_all($this->{socket}, response($method ne 'HEAD', $stays, $status, @rest)) && $stays;
}

sub response {
    my ($whole, $stays, $status, $content, %header) = @_;
    $content //= '';
    $header{'Content-Type'} //= looks_like_html($content) ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8' if length $content;
    my $bare = $status == 204 || $status == 304;
    my $text = "HTTP/1.1 $status " . ($reason{$status} // "status code $status") . "\r\n";
    $text .= "$_: $header{$_}\r\n" for sort keys %header;
    $text .= 'Date: ' . http_date(time) . "\r\n";
    $text .= 'Content-Length: ' . length($content) . "\r\n" if !$bare;
    $text .= "Connection: close\r\n" if !$stays;
    return "$text\r\n" . ($whole && !$bare ? $content : '');
}

# As Go's http.DetectContentType takes it.
sub looks_like_html {
    return $_[0] =~ /^[\t\n\f\r ]*<(?:!DOCTYPE HTML|HTML|HEAD|SCRIPT|IFRAME|H1|DIV|FONT|TABLE|A|STYLE|TITLE|B|BODY|BR|P|!--)[ >]/i;
}

# Status and body of an answer to GET; undef, and why, without one.
sub fetch {
    my ($to, $host, $path, $seconds, %more) = @_;
    my ($socket, $why) = dial('tcp', $to, $seconds);
    return (undef, $why eq 'timeout' ? 'i/o timeout' : $why) if !$socket;
    my $body = $more{body};
    my $length = defined $body ? 'Content-Type: application/json' . "\r\nContent-Length: " . length($body) . "\r\n" : '';
    my $method = defined $body ? 'POST' : 'GET';
    send_all($socket, "$method $path HTTP/1.0\r\nHost: $host\r\nUser-Agent: Go-http-client/1.1\r\n$length\r\n" . ($body // ''));
    my ($answer, $end) = ('', time + ($seconds || 5));
    while (1) {
        my $left = $end - time;
        my ($text, $failure) = $left > 0 ? receive($socket, 65536, $left) : (undef, 'i/o timeout');
        return (undef, $failure) if !defined $text;
        last if $text eq '';
        $answer .= $text;
    }
    return (undef, 'EOF') if $answer !~ m{^HTTP/1\.\d (\d+).*?\r?\n\r?\n(.*)}s;
    return ($1, $2);
}

sub redirect_to {
    my ($location, $status) = @_;
    my $link = html($location);
    return ($status, qq{<a href="$link">$reason{$status}</a>.\n\n}, 'Content-Type' => 'text/html; charset=utf-8', Location => $location);
}

sub form {
    my %fields;
    for (split /[&;]/, $_[0]) {
        my ($name, $value) = map { decoded(tr/+/ /r) } split /=/, $_, 2;
        $fields{$name} //= $value // '' if defined $name;
    }
    return \%fields;
}

sub decoded { return $_[0] =~ s/%([0-9a-fA-F]{2})/chr hex $1/ger }
sub encoded { return $_[0] =~ s{([^A-Za-z0-9_.~-])}{sprintf '%%%02X', ord $1}ger }
sub html { return $_[0] =~ s/&/&amp;/gr =~ s/</&lt;/gr =~ s/>/&gt;/gr =~ s/"/&#34;/gr =~ s/'/&#39;/gr }

# --- small things -----------------------------------------------------------------------------------

sub host_name {
    open my $file, '<', '/proc/sys/kernel/hostname' or fatal("hostname: $!");
    chomp(my $name = readline $file);
    return $name;
}

# As Go's log package.
sub note {
    my @t = gmtime;
    print STDERR sprintf('%d/%02d/%02d %02d:%02d:%02d', $t[5] + 1900, $t[4] + 1, @t[ 3, 2, 1, 0 ]), " $_[0]\n";
}

sub fatal { note($_[0]); exit 1 }

sub http_date {
    my @t = gmtime $_[0];
    my $day = (qw(Sun Mon Tue Wed Thu Fri Sat))[ $t[6] ];
    my $month = (qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec))[ $t[4] ];
    return sprintf '%s, %02d %s %d %02d:%02d:%02d GMT', $day, $t[3], $month, $t[5] + 1900, @t[ 2, 1, 0 ];
}

# A string as Go's encoding/json writes it.
sub json_text {
    my $text = $_[0] =~ s/([\\"])/\\$1/gr =~ s/\n/\\n/gr =~ s/\r/\\r/gr =~ s/\t/\\t/gr;
    return '"' . ($text =~ s/([\x00-\x1f<>&])/sprintf '\\u%04x', ord $1/ger) . '"';
}

# Objects in order of their keys.
sub json {
    my ($value) = @_;
    return 'null' if !defined $value;
    return '[' . join(',', map { json($_) } @$value) . ']' if ref $value eq 'ARRAY';
    return '{' . join(',', map { json_text($_) . ':' . json($value->{$_}) } sort keys %$value) . '}' if ref $value;
    return json_text($value);
}

# Seconds of a duration in Go's writing, `1m30s`; undef for other text.
sub seconds {
    my ($text) = @_;
    return 0 if $text eq '0';
    my %unit = (h => 3600, m => 60, s => 1, ms => 1e-3, us => 1e-6, ns => 1e-9);
    return undef if $text !~ /^(?:\d+(?:\.\d*)?(?:h|ms|m|s|us|ns))+$/;
    my $sum = 0;
    $sum += $1 * $unit{$2} while $text =~ /(\d+(?:\.\d*)?)(h|ms|m|s|us|ns)/g;
    return $sum;
}

# Flags of a command, `--name=value`, `--name value`, `-name`; `%default` says which there are, `%short` their letters.
# Truth is for those whose default is true or false. Returns them and what is left.
sub flags {
    my ($arguments, $default, $short) = @_;
    my (%flag, @rest) = %$default;
    my @list = @$arguments;
    while (defined(my $argument = shift @list)) {
        if ($argument eq '--') { push @rest, @list; last }
        if ($argument !~ /^--?([A-Za-z][\w-]*)(?:=(.*))?$/s) { push @rest, $argument; next }
        my ($name, $value) = ($short->{$1} // $1, $2);
        if (!exists $flag{$name}) { print STDERR "Error: unknown flag: --$name\n"; exit 1 }
        my $truth = $default->{$name} =~ /^(?:true|false)$/;
        $value //= $truth ? 'true' : shift @list;
        if (!defined $value) { print STDERR "Error: flag needs an argument: --$name\n"; exit 1 }
        $flag{$name} = $value;
    }
    return (\%flag, @rest);
}

1;
