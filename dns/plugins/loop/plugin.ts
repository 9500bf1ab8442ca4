import { randomInt } from 'node:crypto';
import type { Plugin } from '../../plugin.ts';
import { emptyReply, Rcode } from '../../wire/message.ts';

/** How long after the start a loop is looked for (milliseconds). */
const watchTime = 2_000;

/**
 * Sends one query of type HINFO with a random name through the chain; a server that forwards to itself sees it
 * come back, and ends with an error.
 */
export const loop: Plugin = {
  name: 'loop',
  setup({ tokens, block, surroundings, onServing }) {
    tokens.next();
    tokens.args(0);
    const zone = block.zones[0] ?? '.';
    const name = `${randomInt(2 ** 47)}.${randomInt(2 ** 47)}.${zone === '.' ? '' : zone}`;
    let watching = true;
    let seen = 0;
    onServing(() => {
      const stop = setTimeout(() => {
        watching = false;
      }, watchTime);
      stop.unref();
      const probe = {
        id: randomInt(65_536),
        name,
        lower: name,
        type: 'HINFO',
        class: 1,
        recursionDesired: true,
        checkingDisabled: false,
        authenticData: false,
        size: 0,
        client: { address: '127.0.0.1', port: 0 },
        protocol: 'udp' as const,
      };
      // What the upstream says to this name does not matter, nor that it may say nothing.
      Promise.resolve()
        .then(() => block.lookup(probe))
        .catch(() => {});
    });
    return (next) => (query) => {
      if (!watching || query.type !== 'HINFO' || query.lower !== name) return next(query);
      seen++;
      if (seen > 2) {
        surroundings.fatal(
          new Error(
            `plugin/loop: Loop (${query.client.address}:${query.client.port} -> :${block.port}) detected for zone "${zone}", see https://coredns.io/plugins/loop#troubleshooting. Query: "HINFO ${name}"`,
          ),
        );
        return emptyReply(Rcode.SERVFAIL);
      }
      return next(query);
    };
  },
};
