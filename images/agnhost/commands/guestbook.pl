# agnhost guestbook: a store of keys that a primary copies to its replicas. Upstream: guestbook/guestbook.go.
use strict;
use warnings;
require '/usr/local/lib/v9s/serve.pl';

my ($flag) = flags(\@ARGV, { 'http-port' => 80, 'backend-port' => 6379, replicaof => '' });
my $backend = $flag->{'backend-port'};
my (%store, @replicas);
my %route = ('/register' => \&register, '/get' => \&get, '/set' => \&set, '/guestbook' => \&guestbook);
serve_http($flag->{'http-port'}, sub {
    my ($request) = @_;
    my $action = $route{ $request->{path} } or return (404, "404 page not found\n");
    note("GET $request->{target}");
    return $action->({ key => '', value => '', host => '', cmd => '', %{ $request->{query} } });
});
my $tries = 15;
join_primary() if $flag->{replicaof} ne '';
run_loop();

sub register {
    my ($query) = @_;
    push @replicas, $query->{host};
    note("Node '$query->{host}' registered.");
    return (200, json({ data => \%store }));
}

sub get {
    my ($query) = @_;
    return (200, json({ data => $query->{key} eq '' ? \%store : $store{ $query->{key} } // '' }));
}

sub set {
    my ($query) = @_;
    return (400, "cannot set with empty key.\n") if $query->{key} eq '';
    $store{ $query->{key} } = $query->{value};
    for my $replica (@replicas) {
        my ($status, $why) = ask($replica, 'set?key=' . encoded($query->{key}) . '&value=' . encoded($query->{value}));
        return (417, "encountered error while propagating to replica '$replica': $why\n") if !defined $status;
    }
    return (200, json({ message => 'Updated' }));
}

sub guestbook {
    my ($query) = @_;
    my $command = lc $query->{cmd};
    return (400, "unsupported cmd: '$command'\n") if $command !~ /^[gs]et$/;
    return (400, "cannot set with empty key.\n") if $command eq 'set' && $query->{key} eq '';
    return sub {
        my $host = $command eq 'get' ? 'agnhost-replica' : 'agnhost-primary';
        my ($status, $body) = ask($host, "$command?key=" . encoded($query->{key}) . '&value=' . encoded($query->{value}));
        return defined $status ? (200, $body) : (417, "encountered error: $body\n");
    };
}

sub ask {
    my ($host, $request) = @_;
    my ($found, $why) = resolve($host, $backend);
    return $found ? fetch($found->[0], $host =~ /:/ ? "[$host]:$backend" : "$host:$backend", "/$request", 5) : (undef, $why);
}

# Tells the primary where this replica is, and takes over what it has; once a second until that works.
sub join_primary {
    my ($found, $why) = resolve($flag->{replicaof}, $backend);
    my ($socket) = $found ? dial('udp', $found->[0]) : ();
    if ($socket) {
        my ($own) = address_text(getsockname $socket) =~ /^\[?(.*?)\]?:\d+$/;
        note("Registering to primary: $flag->{replicaof}:$backend/register?host=$own");
        (my $status, $why) = ask($flag->{replicaof}, "register?host=$own");
        if (defined $status) {
            $store{ plain($1) } = plain($2) while $why =~ s/"((?:[^"\\]|\\.)*)":"((?:[^"\\]|\\.)*)"//;
            return note("Registered to node: $flag->{replicaof}");
        }
    }
    fatal('Timed out while registering to primary.') if --$tries == 0;
    note("encountered error while registering to primary: $why. Retrying in 1s.");
    after(1, \&join_primary);
}

# A JSON string's text.
sub plain {
    my %character = (n => "\n", r => "\r", t => "\t");
    return $_[0] =~ s{\\(?:u([0-9a-f]{4})|(.))}{defined $1 ? chr hex $1 : $character{$2} // $2}ger;
}
