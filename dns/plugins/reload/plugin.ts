import { parseDuration } from '../../../api/duration.ts';
import type { Plugin } from '../../plugin.ts';

const shortestInterval = 2_000;
const shortestJitter = 1_000;

/** Has the Corefile read again from time to time; a changed one takes over. */
export const reload: Plugin = {
  name: 'reload',
  setup({ tokens, surroundings }) {
    tokens.next();
    const [intervalText = '30s', jitterText = '15s'] = tokens.args(0, 2);
    const interval = parseDuration(intervalText);
    const jitter = parseDuration(jitterText);
    if (interval === undefined) throw tokens.error(`invalid duration "${intervalText}"`);
    if (jitter === undefined) throw tokens.error(`invalid duration "${jitterText}"`);
    if (interval < shortestInterval) throw tokens.error('interval value must be greater or equal to 2s');
    if (jitter !== 0 && jitter < shortestJitter)
      throw tokens.error('jitter value must be 0 or greater or equal to 1s');
    const spread = Math.min(jitter, interval / 2);
    surroundings.watchCorefile(interval + (Math.random() - 0.5) * spread);
    return undefined;
  },
};
