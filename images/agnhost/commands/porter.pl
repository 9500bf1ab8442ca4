# agnhost porter: each variable SERVE_PORT_N, SERVE_TLS_PORT_N and SERVE_SCTP_PORT_N is served at port N. Upstream: porter/porter.go.
use strict;
use warnings;
require '/usr/local/lib/v9s/serve.pl';

my ($flag) = flags(\@ARGV, { 'json-response' => 'false' });
for my $name (sort keys %ENV) {
    my $value = $ENV{$name};
    if ($name =~ /^SERVE_PORT_(\d+)$/) {
        serve_http($1, says($value));
    } elsif ($name =~ /^SERVE_TLS_PORT_(\d+)$/) {
        serve_https($1, $ENV{CERT_FILE} || '/localhost.crt', $ENV{KEY_FILE} || '/localhost.key', says($value));
    } elsif ($name =~ /^SERVE_SCTP_PORT_(\d+)$/) {
        my $listener = bound('sctp', $1);
        watch($listener, sub {
            accept(my $socket, $listener) or return;
            syswrite $socket, $value;
        });
        note('Started SCTP server');
    }
}
run_loop();

sub says {
    my ($value) = @_;
    return sub {
        return (200, $value) if $flag->{'json-response'} ne 'true';
        return (200, json({ Method => $_[0]{method}, Body => $value }), 'Content-Type' => 'application/json');
    };
}
