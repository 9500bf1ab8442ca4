# agnhost no-snat-test-proxy: passes /checknosnat on to another. Upstream: no-snat-test-proxy/main.go.
use strict;
use warnings;
require '/usr/local/lib/v9s/serve.pl';

my ($flag) = flags(\@ARGV, { port => 31235 });
serve_http($flag->{port}, sub {
    my ($request) = @_;
    return (404, "404 page not found\n") if $request->{path} ne '/checknosnat';
    my ($target, $ips) = map { $_ // '' } @{ $request->{query} }{qw(target ips)};
    return sub {
        my ($host, $port) = $target =~ /^\[?(.*?)\]?(?::(\d+))?$/;
        my ($found, $why) = resolve($host, $port // 80);
        my ($status, $body) = $found ? fetch($found->[0], $target, "/checknosnat?ips=$ips", 30) : (undef, $why);
        return defined $status ? ($status, $body) : (500, "error querying \"http://$target/checknosnat?ips=$ips\", err: $body");
    };
});
run_loop();
