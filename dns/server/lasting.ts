import type { Mark } from '../plugin.ts';
import type { RepeatWatcher } from '../wire/message.ts';

/** What plugins have said that a query passes before it gets to the one that answers. */
export interface Passed {
  watchers: RepeatWatcher[];
  versions: (() => number)[];
}

/** Makes the function by which a plugin marks its replies as lasting. */
export function createMark({ watchers, versions }: Passed): Mark {
  return (reply, { isCurrent, serial = noSerial }, watcher) => {
    const then = versions.map((version) => version());
    const isSame = () => isCurrent() && versions.every((version, index) => version() === then[index]);
    reply.lasting = {
      of: reply,
      isCurrent: versions.length === 0 ? isCurrent : isSame,
      serial,
      isShuffled: false,
      watchers: watcher ? [...watchers, watcher] : watchers,
    };
    return reply;
  };
}

const noSerial = () => undefined;
