import type { Stage } from '../scenario.ts';
import { readFrame, type VxlanFrame } from './frame.ts';

/**
 * The first frame of a node whose VXLAN carries an ICMP echo request, in hexadecimal: packet(7) from Perl, because
 * tcpdump is seldom installed. Gives up after 20 seconds.
 */
const sniffer = `
socket(my $socket, 17, 3, unpack('S', pack 'n', 3)) or die "packet socket: $!\\n";
alarm 20;
while (sysread $socket, my $frame, 65536) {
    next if length $frame < 92 || substr($frame, 12, 2) ne "\\x08\\0" || ord(substr $frame, 23, 1) != 17;
    next if unpack('n', substr $frame, 36, 2) != 8472;
    next if ord(substr $frame, 73, 1) != 1 || ord(substr $frame, 84, 1) != 8;
    print unpack('H*', $frame), "\\n";
    exit 0;
}
`;

/** A ping from pod to pod, and the frame that carried it between the nodes, caught where it comes in. */
export async function capturePing(
  { cluster, report }: Stage,
  ping: { pod: string; to: string; node: string },
): Promise<VxlanFrame> {
  const caught = cluster.node(ping.node).exec(['perl', '-e', sniffer]);
  let over = false;
  const settled = caught.finally(() => {
    over = true;
  });
  const pinging = async () => {
    while (!over) await cluster.pod(ping.pod).exec(['ping', '-c1', '-W1', ping.to], { allowFailure: true });
  };
  const [{ stdout }] = await report.progress('catching a packet', Promise.all([settled, pinging()]));
  return readFrame(stdout.trim());
}
