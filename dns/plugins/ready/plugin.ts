import { optionalAddress } from '../../corefile/values.ts';
import type { Plugin } from '../../plugin.ts';

/** Says at `/ready` whether every plugin has what it needs; names those that have not. */
export const ready: Plugin = {
  name: 'ready',
  setup({ tokens, block, surroundings: { http, readiness }, onStart, onStop }) {
    let address = { host: '', port: 8181 };
    let continuously = false;
    while (tokens.next()) {
      address = optionalAddress(tokens, address);
      while (tokens.nextBlock()) {
        if (tokens.value !== 'monitor') throw tokens.unknownProperty();
        const [monitor = ''] = tokens.args(1);
        if (monitor !== 'until-ready' && monitor !== 'continuously')
          throw tokens.error(`monitor type '${monitor}' not supported`);
        continuously = monitor === 'continuously';
      }
    }
    const key = `${address.host}:${address.port}`;
    const checks = readiness.get(key) ?? [];
    readiness.set(key, checks);
    let remove = () => {};
    onStart(async () => {
      checks.push(...block.readiness);
      const been = new Set<object>();
      remove = await http.serve(address, '/ready', () => {
        const waiting = checks.filter((check) => !been.has(check) && !check.ready());
        if (!continuously) for (const check of checks) if (!waiting.includes(check)) been.add(check);
        if (waiting.length === 0) return { status: 200, body: 'OK' };
        return { status: 503, body: waiting.map(({ name }) => name).join(',') };
      });
    });
    onStop(() => remove());
    return undefined;
  },
};
