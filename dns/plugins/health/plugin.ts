import { setTimeout as delay } from 'node:timers/promises';
import { parseDuration } from '../../../api/duration.ts';
import { optionalAddress } from '../../corefile/values.ts';
import type { Plugin } from '../../plugin.ts';

/** Says at `/health` that the process lives; can keep answering for a while when it shall end. */
export const health: Plugin = {
  name: 'health',
  setup({ tokens, surroundings: { http, log }, onStart, onStop }) {
    let address = { host: '', port: 8080 };
    let lameduck = 0;
    while (tokens.next()) {
      address = optionalAddress(tokens, address);
      while (tokens.nextBlock()) {
        if (tokens.value !== 'lameduck') throw tokens.unknownProperty();
        const [duration = ''] = tokens.args(1);
        const milliseconds = parseDuration(duration);
        if (milliseconds === undefined)
          throw tokens.error(`unable to parse lameduck duration value: '${duration}'`);
        lameduck = milliseconds;
      }
    }
    let remove = () => {};
    onStart(async () => {
      remove = await http.serve(address, '/health', () => ({ status: 200, body: 'OK' }));
    });
    onStop(async (final) => {
      if (final && lameduck > 0) {
        log.info(`plugin/health: Going into lameduck mode for ${lameduck / 1000}s`);
        await delay(lameduck);
      }
      remove();
    });
    return undefined;
  },
};
