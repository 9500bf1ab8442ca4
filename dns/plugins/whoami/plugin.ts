import { isIPv4 } from 'node:net';
import type { Plugin } from '../../plugin.ts';
import { Rcode, type ResourceRecord } from '../../wire/message.ts';

/** Tells a client its own address and port. */
export const whoami: Plugin = {
  name: 'whoami',
  setup({ tokens }) {
    tokens.next();
    tokens.args(0);
    return () => (query) => {
      const address = query.client.address.replace(/^::ffff:/, '');
      const type = isIPv4(address) ? 'A' : 'AAAA';
      const below = query.name === '.' ? '' : query.name;
      const additionals: ResourceRecord[] = [
        { name: query.name, ttl: 0, type, data: address },
        {
          name: `_${query.protocol}.${below}`,
          ttl: 0,
          type: 'SRV',
          data: { priority: 0, weight: 0, port: query.client.port, target: '.' },
        },
      ];
      return { rcode: Rcode.NOERROR, authoritative: true, answers: [], authorities: [], additionals };
    };
  },
};
