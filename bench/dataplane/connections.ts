import type { TestNode } from '../../dataplane/testing/sandbox.ts';
import { median } from '../statistics.ts';
import { podPort } from './objects.ts';

/** Milliseconds that connections are opened for, and how often. */
const period = 250;
const periods = 3;

/** Starts what accepts connections in every pod, until the sandbox ends. */
export async function startServers(node: TestNode): Promise<void> {
  for (const pod of ['pod1', 'pod2', 'pod3']) {
    const server = node.inside(pod).run('perl', ['-e', serverScript, String(podPort)]);
    // It ends with the sandbox, which is no failure; if it ends before that, nobody answers below.
    server.catch(() => undefined);
    await node.inside(pod).run('perl', ['-e', waitScript, String(podPort)]);
  }
}

/** TCP connections a second, one after the other, each reset as soon as it is there. */
export async function connectionsPerSecond(node: TestNode, address: string, port: number): Promise<number> {
  const args = ['-e', clientScript, address, String(port), String(period / 1_000)];
  const rates: number[] = [];
  for (let i = 0; i < periods; i++)
    rates.push(Number((await node.inside('client').run('perl', args)).stdout));
  return median(rates);
}

const serverScript = `
use Socket;
socket(my $s, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
bind($s, sockaddr_in($ARGV[0], INADDR_ANY)) or die "bind: $!";
listen($s, 4096) or die "listen: $!";
while (1) { accept(my $c, $s); close $c if $c; }`;

const waitScript = `
use Socket;
for (1 .. 500) {
  socket(my $s, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
  exit 0 if connect($s, sockaddr_in($ARGV[0], INADDR_LOOPBACK));
  select undef, undef, undef, 0.01;
}
die "nobody listens on port $ARGV[0]";`;

const clientScript = `
use Socket; use Time::HiRes 'time';
my ($address, $port, $seconds) = @ARGV;
my $to = sockaddr_in($port, inet_aton($address));
my $linger = pack('ii', 1, 0);
my ($count, $began) = (0, time);
while (time - $began < $seconds) {
  for (1 .. 20) {
    socket(my $s, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
    setsockopt($s, SOL_SOCKET, SO_LINGER, $linger);
    connect($s, $to) or die "$address:$port: $!";
    close $s;
    $count++;
  }
}
print $count / (time - $began);`;
