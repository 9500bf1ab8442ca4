# agnhost netexec: HTTP, UDP and SCTP servers that say who they are and who asked. Upstream: test/images/agnhost/netexec.
use strict;
use warnings;
require '/usr/local/lib/v9s/serve.pl';

my ($flag) = flags(\@ARGV, {
    'http-port' => 8080, 'udp-port' => 8081, 'sctp-port' => -1, 'http-override' => '', 'udp-listen-addresses' => '',
    'tls-cert-file' => '', 'tls-private-key-file' => '', 'delay-shutdown' => 0,
});
my $hostname = host_name();
my $ready = 0;
$SIG{TERM} = sub {
    note('Received signal terminated');
    return exit 2 if !$flag->{'delay-shutdown'};
    after($flag->{'delay-shutdown'}, sub { exit 2 });
};

my %route = (
    '/clientip' => sub { note('GET /clientip'); return (200, $_[0]{peer}) },
    '/header' => sub {
        my $name = $_[0]{query}{key} // '';
        note("GET /header?key=$name");
        return (200, $_[0]{header}{ lc $name } // '');
    },
    '/hostname' => sub { note('GET /hostname'); return (200, $hostname) },
    '/hostName' => sub { note('GET /hostName'); return (200, $hostname) },
    '/healthz' => sub { note('GET /healthz'); return ($ready ? 200 : 412) },
    '/shutdown' => sub { note('GET /shutdown'); exit 0 },
    '/echo' => \&echo,
    '/exit' => \&end,
    '/redirect' => \&redirect,
    '/dial' => sub { my ($request) = @_; return sub { dial_many($request->{query}) } },
    '/shell' => sub { my ($request) = @_; return sub { shell($request->{query}) } },
    '/upload' => sub { my ($request) = @_; return upload($request) },
);
my $handler = sub {
    my ($request) = @_;
    if (my $override = $flag->{'http-override'}) {
        my ($path, $query) = split /\?/, $override, 2;
        $request = { %$request, method => 'GET', path => $path, query => form($query // '') };
    }
    return $route{ $request->{path} }->($request) if $route{ $request->{path} };
    note('GET /');
    my @t = gmtime;
    return (200, sprintf 'NOW: %04d-%02d-%02d %02d:%02d:%02d +0000 UTC', $t[5] + 1900, $t[4] + 1, @t[ 3, 2, 1, 0 ]);
};
if ($flag->{'tls-cert-file'} ne '') {
    serve_https($flag->{'http-port'}, $flag->{'tls-cert-file'}, $flag->{'tls-private-key-file'}, $handler);
    note("Started HTTPS server on port $flag->{'http-port'}");
} else {
    serve_http($flag->{'http-port'}, $handler);
    note("Started HTTP server on port $flag->{'http-port'}");
}
if ($flag->{'udp-port'} != -1) {
    serve_udp($_) for split(/,/, $flag->{'udp-listen-addresses'}) ? split(/,/, $flag->{'udp-listen-addresses'}) : undef;
    note("Started UDP server on port $flag->{'udp-port'}");
    $ready = 1;
}
if ($flag->{'sctp-port'} != -1) {
    serve_sctp();
    note('Started SCTP server');
    $ready = 1;
}
run_loop();

# The answer to a word over UDP or SCTP; undef for others.
sub word {
    my ($text, $peer, $protocol) = @_;
    $text = lc $text =~ s/^\s+|\s+$//gr;
    note("$protocol request $text from $peer");
    return $text eq 'hostname' ? $hostname : $text eq 'clientip' ? $peer : $text =~ /^echo (.*)/s ? $1 : undef;
}

sub serve_udp {
    my $socket = bound('udp', $flag->{'udp-port'}, $_[0]);
    watch($socket, sub {
        my $from = recv($socket, my $text, 2048, 0) // return;
        my $answer = word($text, address_text($from), 'UDP');
        send $socket, $answer, 0, $from if defined $answer;
    });
}

sub serve_sctp {
    my $listener = bound('sctp', $flag->{'sctp-port'});
    watch($listener, sub {
        my $from = accept(my $socket, $listener) or return;
        watch($socket, sub {
            unwatch($socket);
            sysread($socket, my $text, 1024) or return;
            my $answer = word($text, address_text($from), 'SCTP');
            syswrite $socket, $answer if defined $answer;
        });
    });
}

sub echo {
    my ($message, $code) = map { $_ // '' } @{ $_[0]{query} }{qw(msg code)};
    note("GET /echo?msg=$message&code=$code");
    return (200, "argument 'code' must be an integer or empty, got \"$code\"\n") if $code !~ /^-?\d*$/;
    return ($code || 200, $message);
}

sub redirect {
    my ($request) = @_;
    my ($location, $code) = map { $_ // '' } @{ $request->{query} }{qw(location code)};
    note("$request->{method} /redirect?msg=$location&code=$code");
    return (200, "argument 'code' must be an integer or empty, got \"$code\"\n") if $code !~ /^-?\d*$/;
    return redirect_to($location, $code || 302);
}

# The program ends after `wait`; with a `timeout` the request is answered first.
sub end {
    my %query = (code => '', timeout => '', wait => '', %{ $_[0]{query} });
    note("GET /exit?code=$query{code}&timeout=$query{timeout}&wait=$query{wait}");
    my %seconds;
    for my $name (qw(timeout wait)) {
        $seconds{$name} = $query{$name} eq '' ? 0 : seconds($query{$name});
        return (200, "argument '$name' must be a valid golang duration or empty, got \"$query{$name}\"\n") if !defined $seconds{$name};
    }
    return (200, "argument 'code' must be an integer [0-127] or empty, got \"$query{code}\"\n") if $query{code} !~ /^\d*$/;
    my $code = $query{code} || 0;
    exit $code if !$seconds{timeout} && !$seconds{wait};
    after($seconds{wait}, sub { exit $code });
    return (200, '');
}

sub dial_many {
    my ($query) = @_;
    my %query = (host => '', port => '', request => '', protocol => '', tries => '', %$query);
    note("GET /dial?host=$query{host}&protocol=$query{protocol}&port=$query{port}&request=$query{request}&tries=$query{tries}");
    return (400, "tries parameter is invalid. strconv.Atoi: parsing \"$query{tries}\": invalid syntax\n") if $query{tries} !~ /^\d*$/;
    return (400, "request parameter not specified. <nil>\n") if $query{request} eq '';
    my $protocol = lc $query{protocol} || 'http';
    return (400, "unsupported protocol. $query{protocol}\n") if $protocol !~ /^(?:http|udp|sctp)$/;
    my ($found, $why) = resolve($query{host}, $query{port});
    return (400, "host and/or port param are invalid. $why\n") if !$found;
    my (@responses, @errors, $last);
    for (1 .. ($query{tries} || 1)) {
        ($last, $why) = $protocol eq 'http' ? dial_http($found->[0], \%query) : dial_word($protocol, $found->[0], $query{request});
        defined $last ? push @responses, $last : push @errors, $why;
    }
    my %output = ((length $last ? (responses => \@responses) : ()), (@errors ? (errors => \@errors) : ()));
    return (200, json(\%output));
}

sub dial_http {
    my ($to, $query) = @_;
    my $host = $query->{host} =~ /:/ ? "[$query->{host}]" : $query->{host};
    my $url = "http://$host:$query->{port}/$query->{request}";
    my ($status, $body) = fetch($to, "$host:$query->{port}", "/$query->{request}", 5);
    return defined $status ? ($body, undef) : (undef, "Get \"$url\": dial tcp " . address_text($to->{addr}) . ": $body");
}

sub dial_word {
    my ($protocol, $to, $request) = @_;
    my ($socket, $why) = dial($protocol, $to, 5);
    return (undef, "$protocol dial failed. err:$why") if !$socket;
    defined syswrite $socket, $request or return (undef, "$protocol connection write failed. err:" . lc $!);
    my ($text, $failure) = receive($socket, 2048, 5);
    return length($text // '') ? ($text, undef) : (undef, "reading from $protocol connection failed. err:'" . ($failure // 'EOF') . "'");
}

sub shell {
    my ($query) = @_;
    my $command = $query->{shellCommand} || $query->{cmd} || '';
    note("GET /shell?cmd=$command");
    local $SIG{CHLD} = 'DEFAULT';
    my $child = open(my $pipe, '-|') // return (500, "fork: $!\n");
    if (!$child) {
        open STDERR, '>&', \*STDOUT;
        exec '/bin/sh', '-c', $command;
        exit 127;
    }
    my $text = do { local $/; readline $pipe };
    close $pipe;
    my %output = (length($text // '') ? (output => $text) : ());
    $output{error} = $? & 127 ? 'signal: ' . ($? & 127) : 'exit status ' . ($? >> 8) if $?;
    return (200, json(\%output));
}

# The part named `file` of a form, RFC 7578.
sub upload {
    my ($request) = @_;
    note('GET /upload');
    my ($boundary) = ($request->{header}{'content-type'} // '') =~ /boundary="?([^";]+)/;
    my ($content) = defined $boundary
        ? $request->{body} =~ /--\Q$boundary\E\r\n(?:(?!\r\n\r\n).)*?name="file".*?\r\n\r\n(.*?)\r\n--\Q$boundary\E/s : ();
    return (200, json({ error => 'Unable to upload file.' })) if !defined $content;
    mkdir '/uploads';
    my $name = '/uploads/upload' . int rand 1e9;
    open my $file, '>', $name or return (200, json({ error => 'Unable to open file for write' }));
    print {$file} $content;
    close $file or return (200, json({ error => 'Unable to write file.' }));
    chmod 0700, $name;
    return (201, json({ output => $name }));
}

1;
