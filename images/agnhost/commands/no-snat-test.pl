# agnhost no-snat-test: /whoami, and /checknosnat that asks others for it. Upstream: no-snat-test/main.go.
use strict;
use warnings;
require '/usr/local/lib/v9s/serve.pl';

my ($flag) = flags(\@ARGV, { port => 8080 });
my ($pod, $node) = map {
    my $value = $ENV{$_} // fail("$_ env var was not present in the environment");
    resolve_number($value) or fail("$_ env var contained \"$value\", which is not an IP address");
    $value;
} qw(POD_IP NODE_IP);
serve_http($flag->{port}, sub {
    my ($request) = @_;
    return (200, $request->{peer}) if $request->{path} eq '/whoami';
    return (404, "404 page not found\n") if $request->{path} ne '/checknosnat';
    my @asked = split /,/, $request->{query}{ips} // '';
    return sub {
        my @errors = grep { defined } map { check($_) } @asked;
        return @errors ? (500, join ', ', @errors) : (200, '');
    };
});
run_loop();

sub check {
    my ($target) = @_;
    my ($host, $port) = $target =~ /^\[?(.*?)\]?(?::(\d+))?$/;
    my ($found, $why) = resolve($host, $port // 80);
    return $why if !$found;
    my ($status, $body) = fetch($found->[0], $target, '/whoami', 10);
    return "error querying \"http://$target/whoami\", err: $body" if !defined $status;
    my ($seen) = $body =~ /^\[?(.*?)\]?:\d+$/ or return "Invalid returned ip \"$body\" from \"http://$target/whoami\"";
    return undef if $seen eq $pod;
    return "Returned ip \"$seen\" != my Pod ip \"$pod\", == my Node ip \"$node\" - SNAT" if $seen eq $node;
    return "Returned ip \"$seen\" != my Pod ip \"$pod\" or my Node ip \"$node\" - SNAT to unexpected ip (possible SNAT through unexpected interface on the way into another node)";
}

sub resolve_number { return inet_pton($_[0] =~ /:/ ? AF_INET6() : AF_INET(), $_[0]) }
sub fail { print STDERR "$_[0]\n"; exit 1 }
