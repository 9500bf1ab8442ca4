import type { Place } from '../../cluster/handle.ts';

/** Requests to a Service from one place, without end. */
export interface Load {
  /** When the first kept connection was answered. */
  readonly first: Mark;
  /** Opens one more connection that is kept; resolves when it has been answered, to what was seen until then. */
  keepOneMore(): Promise<Mark>;
  /** Stops, and tells what was seen. */
  end(): Promise<Seen>;
}

/** How far a load has come. */
export interface Mark {
  readonly requests: number;
  readonly failed: number;
}

export interface Seen {
  readonly from: string;
  readonly requests: number;
  /** What each request that failed came to. */
  readonly failures: readonly string[];
  /** The longest that a request took, in milliseconds. */
  readonly slowest: number;
  /** How often the first packet of a connection got no answer within a second, and was sent again. */
  readonly again: number;
  /** Connections that were kept, and how many of them had to be made anew. */
  readonly kept: number;
  readonly lost: number;
}

/**
 * Asks `HOST:PORT` over a new connection, then over each that is kept, some thirty times a second, less often where
 * that is slow, and does what the file says: `+` is one more connection to keep, `.` the end. Notes each kept one in
 * FILE.kept when it is answered for the first time: how many were asked, and failed, until then. Perl, because pods
 * have it and it starts at once.
 */
const program = String.raw`
use strict; use warnings; use Socket; use Time::HiRes qw(time sleep);
my ($host, $port, $file) = @ARGV;
my ($asked, $slowest, $lost, @failures, @kept) = (0, 0, 0);
sub ask {
  my ($socket, $stays) = @_;
  my $request = "GET / HTTP/1.1\r\nHost: web\r\n" . ($stays ? '' : "Connection: close\r\n") . "\r\n";
  defined syswrite $socket, $request or return "write: $!";
  my $answer = '';
  while ($answer !~ /\r\n\r\n/ || length $' < ($answer =~ /^Content-Length: (\d+)/m)[0]) {
    my $length = sysread $socket, $answer, 4096, length $answer;
    return "read: $!" if !defined $length;
    return 'closed before its answer' if !$length;
  }
  return $answer =~ m{^HTTP/1.1 200 } ? '' : (split /\r/, $answer)[0];
}
sub dial {
  socket(my $socket, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
  setsockopt $socket, SOL_SOCKET, $_, pack 'l!l!', 10, 0 for SO_RCVTIMEO, SO_SNDTIMEO;
  return connect($socket, sockaddr_in($port, inet_aton($host))) ? $socket : undef;
}
sub one {
  my ($socket, $stays) = @_;
  my $began = time;
  $socket //= dial();
  my $failure = $socket ? ask($socket, $stays) : "connect: $!";
  my $took = time - $began;
  $slowest = $took if $took > $slowest;
  $asked++;
  push @failures, $failure if $failure;
  return $failure ? undef : $socket;
}
sub again {
  open my $file, '<', '/proc/net/netstat' or return 0;
  my ($names, $values) = grep { /^TcpExt:/ } readline $file;
  my %of; @of{split ' ', $names} = split ' ', $values;
  return $of{TCPSynRetrans} // 0;
}
my ($told, $before) = (0, again());
while (1) {
  my $turn = time;
  open my $orders, '<', $file or die "$file: $!";
  my $text = do { local $/; readline $orders } // '';
  last if $text =~ /\./;
  while ($told < length $text) {
    $told++;
    push @kept, one(undef, 1);
    open my $noted, '>>', "$file.kept"; print $noted "$asked ", scalar @failures, "\n";
  }
  one(undef, 0);
  for (@kept) { my $was = $_; $_ = one($_, 1); $lost++ if !$_ && $was }
  my $took = time - $turn;
  sleep($took < 0.01 ? 0.03 : 5 * $took);
}
print join("\n", $asked, int(1000 * $slowest), again() - $before, scalar @kept, $lost, @failures), "\n";
`;

/** Arguments: the file, and how many connections are kept then. Gives the order, and prints the line of the answer. */
const keep = String.raw`
my ($file, $wanted) = @ARGV;
open my $orders, '>>', $file or die "$file: $!\n";
syswrite $orders, '+';
for (1 .. 3000) {
  open my $kept, '<', "$file.kept" or die "$file.kept: $!\n";
  my @lines = readline $kept;
  if (@lines >= $wanted) { print $lines[$wanted - 1]; exit }
  select undef, undef, undef, 0.02;
}
die "no answer over a new connection within 60 s\n";`;

/** Resolves when the first request and the first connection that stays were answered. */
export async function startLoad(from: string, place: Place, target: string): Promise<Load> {
  // In the lab and in pods /run is their own, and ends with them.
  const file = `/run/load-${from.replace(/\W/g, '-')}`;
  let wanted = 0;
  await place.exec(['sh', '-c', `: > ${file}; : > ${file}.kept`]);
  const ended = place.exec(['perl', '-e', program, ...target.split(':'), file]);
  // It is waited for in the end; a failure until then is told there.
  ended.catch(() => undefined);

  async function keepOneMore(): Promise<Mark> {
    wanted++;
    const kept = place.exec(['perl', '-e', keep, file, String(wanted)]);
    const { stdout } = await Promise.race([kept, ended]);
    const [requests, failed] = stdout.trim().split(' ').map(Number);
    return { requests: requests ?? 0, failed: failed ?? 0 };
  }
  const first = await keepOneMore();

  return {
    first,
    keepOneMore,
    async end() {
      await place.exec(['sh', '-c', `printf . >> ${file}`]);
      const [requests, slowest, again, kept, lost, ...failures] = (await ended).stdout.trim().split('\n');
      await place.exec(['rm', '-f', file, `${file}.kept`]);
      return {
        from,
        requests: Number(requests),
        failures,
        slowest: Number(slowest),
        again: Number(again),
        kept: Number(kept),
        lost: Number(lost),
      };
    },
  };
}
