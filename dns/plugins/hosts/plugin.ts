import { readFileSync, statSync } from 'node:fs';
import { parseDuration } from '../../../api/duration.ts';
import { parseInteger } from '../../corefile/values.ts';
import { zonesFromArgs } from '../../corefile/zones.ts';
import type { Controller, Handler, Plugin } from '../../plugin.ts';
import { addressOfReverseName } from '../../wire/addresses.ts';
import { emptyReply, type Query, Rcode, type ResourceRecord } from '../../wire/message.ts';
import { matchZone } from '../../wire/names.ts';
import { createFallthrough, type Fallthrough } from '../fallthrough.ts';
import { parseHosts, type Table } from './table.ts';

interface HostsOptions {
  file: string;
  zones: string[];
  inline: string[];
  /** Seconds. */
  ttl: number;
  reverse: boolean;
  /** Milliseconds between two looks at the file; 0: it is read once. */
  reload: number;
  fallthrough: Fallthrough;
  fallthroughUnsupported: boolean;
}

/** Answers from a file like /etc/hosts, and from lines in the Corefile. */
export const hosts: Plugin = {
  name: 'hosts',
  setup(controller) {
    const options = parseOptions(controller);
    const inline = parseHosts(options.inline.join('\n'), options);
    let fromFile = parseHosts('', options);
    let seen = '';
    let version = 0;
    controller.repeatable({ version: () => version });
    const read = () => {
      const stat = statSync(options.file, { throwIfNoEntry: false });
      const state = stat ? `${stat.mtimeMs} ${stat.size}` : '';
      if (!stat?.isFile() || state === seen) return;
      seen = state;
      version++;
      fromFile = parseHosts(readFileSync(options.file, 'utf8'), options);
    };
    let timer: NodeJS.Timeout | undefined;
    controller.onStart(read);
    controller.onServing(() => {
      if (options.reload > 0) timer = setInterval(read, options.reload).unref();
    });
    controller.onStop(() => clearInterval(timer));
    return (next) => createHandler(options, () => [fromFile, inline], next);
  },
};

function parseOptions({ tokens, block, surroundings: { log } }: Controller): HostsOptions {
  tokens.next();
  const [file, ...zones] = tokens.remainingArgs();
  const options: HostsOptions = {
    file: file ?? '/etc/hosts',
    zones: zonesFromArgs(zones, block.zones),
    inline: [],
    ttl: 3_600,
    reverse: true,
    reload: 5_000,
    fallthrough: createFallthrough(undefined),
    fallthroughUnsupported: false,
  };
  if (file !== undefined && !statSync(file, { throwIfNoEntry: false })?.isFile())
    log.warning(`plugin/hosts: File does not exist: ${file}`);
  let falls = false;
  while (tokens.nextBlock()) {
    switch (tokens.value) {
      case 'fallthrough':
        options.fallthrough = createFallthrough(tokens.remainingArgs());
        falls = true;
        break;
      case 'fallthrough_unsupported':
        tokens.args(0);
        options.fallthroughUnsupported = true;
        break;
      case 'no_reverse':
        options.reverse = false;
        break;
      case 'ttl': {
        const [text = ''] = tokens.remainingArgs();
        const ttl = parseInteger(text);
        if (ttl === undefined) throw tokens.error(`ttl needs a number of seconds: ${JSON.stringify(text)}`);
        if (ttl <= 0 || ttl > 65_535) throw tokens.error(`ttl must be in range [1, 65535]: ${ttl}`);
        options.ttl = ttl;
        break;
      }
      case 'reload': {
        const [text = ''] = tokens.args(1);
        const duration = parseDuration(text);
        if (duration === undefined) throw tokens.error(`invalid duration for reload '${text}'`);
        if (duration < 0) throw tokens.error(`invalid negative duration for reload '${text}'`);
        options.reload = duration;
        break;
      }
      default:
        // Everything before `fallthrough` that is no option is a line of a hosts file.
        if (falls) throw tokens.unknownProperty();
        options.inline.push([tokens.value, ...tokens.remainingArgs()].join(' '));
    }
  }
  if (options.fallthroughUnsupported && !falls)
    throw tokens.error('fallthrough_unsupported requires fallthrough');
  if (tokens.next()) throw tokens.error('plugin can only be used once per Server Block');
  return options;
}

function createHandler(options: HostsOptions, tables: () => Table[], next: Handler): Handler {
  const addresses = ({ lower }: Query, type: 'A' | 'AAAA') =>
    tables().flatMap((table) => table.addresses(lower, type));
  const names = ({ lower }: Query) => {
    const address = addressOfReverseName(lower);
    return address === undefined ? [] : tables().flatMap((table) => table.names(address));
  };

  return (query) => {
    const { name, lower, type } = query;
    // Reverse zones need not be listed.
    if (type !== 'PTR' && matchZone(options.zones, lower) === undefined) return next(query);
    const { ttl } = options;
    let answers: ResourceRecord[] = [];
    if (type === 'PTR') {
      answers = names(query).map((data) => ({ name, ttl, type: 'PTR', data }));
      if (answers.length === 0) return next(query);
    } else if (type === 'A' || type === 'AAAA') {
      answers = addresses(query, type).map((data) => ({ name, ttl, type, data }));
    } else if (options.fallthroughUnsupported && options.fallthrough.through(lower)) return next(query);
    if (answers.length === 0 && addresses(query, 'A').length === 0 && addresses(query, 'AAAA').length === 0) {
      if (options.fallthrough.through(lower)) return next(query);
      return emptyReply(Rcode.SERVFAIL); // there is no SOA to deny the name with
    }
    return { ...emptyReply(Rcode.NOERROR), authoritative: true, answers };
  };
}
