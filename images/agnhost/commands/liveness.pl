# agnhost liveness: healthy for ten seconds. Upstream: liveness/server.go.
use strict;
use warnings;
require '/usr/local/lib/v9s/serve.pl';

my $clock = sub { open my $file, '<', '/proc/uptime' or return time; return (split ' ', readline $file)[0] };
my $started = $clock->();
serve_http(8080, sub {
    my ($request) = @_;
    my $seconds = sprintf '%.9g', $clock->() - $started;
    return (200, "${seconds}s") if $request->{path} eq '/started';
    return redirect_to(decoded($request->{query}{loc} // ''), 302) if $request->{path} eq '/redirect';
    return (404, "404 page not found\n") if $request->{path} ne '/healthz';
    return $seconds > 10 ? (500, "error: $seconds") : (200, 'ok');
});
run_loop();
