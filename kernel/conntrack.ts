import { CommandError, type Kernel } from './run.ts';

/** One tracked connection, as far as address translation goes. */
export interface Flow {
  readonly protocol: string;
  /** Where the first packet was sent to. */
  readonly originalDestination: string;
  readonly originalPort: number;
  /** Who answers: the real server where the destination was translated. */
  readonly replySource: string;
  readonly replyPort: number;
}

/** The tracked connections of one protocol (`udp`). */
export async function listFlows(kernel: Kernel, family: 'IPv4' | 'IPv6', protocol: string): Promise<Flow[]> {
  const { stdout } = await kernel.run('conntrack', ['-L', '-f', nameOf(family), '-p', protocol]);
  return stdout.split('\n').flatMap((line) => parseFlow(line) ?? []);
}

/** Forgets every connection of that kind; the next packet of one is translated anew. True when there was any. */
export function deleteFlows(kernel: Kernel, family: 'IPv4' | 'IPv6', flow: Flow): Promise<boolean> {
  const { protocol, originalDestination, originalPort, replySource, replyPort } = flow;
  return deleteWhere(kernel, family, protocol, [
    ...['--orig-dst', originalDestination, '--orig-port-dst', String(originalPort)],
    ...['--reply-src', replySource, '--reply-port-src', String(replyPort)],
  ]);
}

/** The same for all that was sent to a port, whatever the address. */
export function deleteFlowsToPort(
  kernel: Kernel,
  family: 'IPv4' | 'IPv6',
  { protocol, port }: { protocol: string; port: number },
): Promise<boolean> {
  return deleteWhere(kernel, family, protocol, ['--orig-port-dst', String(port)]);
}

async function deleteWhere(
  kernel: Kernel,
  family: 'IPv4' | 'IPv6',
  protocol: string,
  filter: readonly string[],
): Promise<boolean> {
  try {
    await kernel.run('conntrack', ['-D', '-f', nameOf(family), '-p', protocol, ...filter]);
    return true;
  } catch (error) {
    // What was listed may have timed out since; conntrack exits with 1 when it deletes nothing.
    if (error instanceof CommandError && /\b0 flow entries/.test(error.stderr)) return false;
    throw error;
  }
}

const hashSizeFile = '/sys/module/nf_conntrack/parameters/hashsize';

/** Buckets of the kernel's one connection table. Rejects where the kernel does not tell. */
export async function readConntrackHashSize(kernel: Kernel): Promise<number> {
  return Number(kernel.files?.read(hashSizeFile) ?? (await kernel.run('cat', [hashSizeFile])).stdout);
}

/** Only in the first network namespace, and with a writable /sys. */
export async function writeConntrackHashSize(kernel: Kernel, buckets: number): Promise<void> {
  await kernel.run('tee', [hashSizeFile], { input: String(buckets) });
}

/** `udp 17 29 src=… dst=… sport=… dport=… [UNREPLIED] src=… dst=… …`: each field stands once per direction. */
export function parseFlow(line: string): Flow | undefined {
  const values = (field: string) =>
    [...line.matchAll(new RegExp(`\\b${field}=(\\S+)`, 'g'))].map(([, value]) => value ?? '');
  const [originalDestination] = values('dst');
  const [, replySource] = values('src');
  const [port] = values('dport');
  const [, replyPort] = values('sport');
  if (!originalDestination || !replySource || !port || !replyPort) return undefined;
  return {
    protocol: line.split(/\s+/, 1)[0] ?? '',
    originalDestination,
    originalPort: Number(port),
    replySource,
    replyPort: Number(replyPort),
  };
}

const nameOf = (family: 'IPv4' | 'IPv6') => family.toLowerCase();
