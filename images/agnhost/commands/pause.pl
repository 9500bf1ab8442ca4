# agnhost pause: does nothing until it is told to end. Upstream: pause/pause.go.
use strict;

$| = 1;
$SIG{CHLD} = 'IGNORE';
$SIG{INT} = sub { exit 1 };
$SIG{TERM} = sub { exit 2 };
print "Paused\n";
sleep while 1;
