# agnhost porter: each variable SERVE_PORT_N and SERVE_SCTP_PORT_N is served at port N. Upstream: porter/porter.go.
use strict;
use warnings;
require '/usr/local/lib/v9s/serve.pl';

my ($flag) = flags(\@ARGV, { 'json-response' => 'false' });
for my $name (sort keys %ENV) {
    my $value = $ENV{$name};
    if ($name =~ /^SERVE_PORT_(\d+)$/) {
        serve_http($1, sub {
            return (200, $value) if $flag->{'json-response'} ne 'true';
            return (200, json({ Method => $_[0]{method}, Body => $value }), 'Content-Type' => 'application/json');
        });
    } elsif ($name =~ /^SERVE_SCTP_PORT_(\d+)$/) {
        my $listener = bound('sctp', $1);
        watch($listener, sub {
            accept(my $socket, $listener) or return;
            syswrite $socket, $value;
        });
        note('Started SCTP server');
    } elsif ($name =~ /^SERVE_TLS_PORT_(\d+)$/) {
        note("port $1: this image has no TLS; \"v9s load\" brings the real one");
    }
}
run_loop();
