import type { DecodedReply } from '../../wire/decode.ts';
import type { UpstreamAddress } from './address.ts';
import type { Asked } from './exchange.ts';
import type { UpstreamCounts } from './metrics.ts';
import type { ForwardOptions } from './options.ts';
import { createStreamChannel } from './stream.ts';
import { type Channel, createUdpChannel } from './udp.ts';

/** A server that queries are forwarded to, and what is known of its health. */
export interface Upstream {
  readonly address: UpstreamAddress;
  ask(query: Asked, protocol: 'udp' | 'tcp'): Promise<DecodedReply>;
  /** Has it failed more probes than it may? */
  isDown(): boolean;
  /** Starts to probe it, until it answers again. */
  probe(): void;
  close(): void;
}

const probeTimeout = 1_000;

export function createUpstream(
  address: UpstreamAddress,
  options: ForwardOptions,
  counts: UpstreamCounts,
): Upstream {
  const { maxFails, healthInterval, readTimeout } = options;
  let udp: Channel | undefined;
  let stream: Channel | undefined;
  let fails = 0;
  let probing = false;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  const channel = (protocol: 'udp' | 'tcp'): Channel => {
    if (protocol === 'tcp' || address.transport === 'tls') {
      stream ??= createStreamChannel(address, options, counts);
      return stream;
    }
    udp ??= createUdpChannel(address, counts, options.sourceAddress);
    return udp;
  };

  async function probeOnce(): Promise<void> {
    const query: Asked = {
      name: options.healthDomain,
      type: 'NS',
      class: 1,
      recursionDesired: options.healthRecursion,
      checkingDisabled: false,
      authenticData: false,
    };
    try {
      await channel(options.forceTcp ? 'tcp' : 'udp').ask(query, probeTimeout); // any reply will do
      fails = 0;
      probing = false;
    } catch {
      fails++;
      counts.failedProbe(); // what is wrong has been told by the query that failed first
      if (!closed) timer = setTimeout(() => void probeOnce(), healthInterval).unref();
    }
  }

  return {
    address,
    async ask(query, protocol) {
      const started = performance.now();
      const reply = await channel(protocol).ask(query, readTimeout);
      counts.answered(reply.rcode, (performance.now() - started) / 1000);
      return reply;
    },
    isDown: () => maxFails > 0 && fails > maxFails,
    probe() {
      if (probing || closed || maxFails === 0) return;
      probing = true;
      void probeOnce();
    },
    close() {
      closed = true;
      clearTimeout(timer);
      udp?.close();
      stream?.close();
    },
  };
}
