import { readFileSync } from 'node:fs';
import { parseDuration } from '../../../api/duration.ts';
import type { Dispenser } from '../../corefile/dispenser.ts';
import { createSubnets, type Subnets } from '../../corefile/subnets.ts';
import { type Controller, type Plugin, whenReplied } from '../../plugin.ts';
import type { Reply } from '../../wire/message.ts';
import { type Arrange, createPreference, drawFirst, shuffle } from './order.ts';
import { parseWeights, type Weights } from './weights.ts';

/** Changes the order of addresses and mail servers from reply to reply. */
export const loadbalance: Plugin = {
  name: 'loadbalance',
  setup(controller) {
    const { tokens } = controller;
    let arrange: Arrange = shuffle;
    const preferred: Subnets[] = [];
    while (tokens.next()) {
      const [policy = 'round_robin', ...rest] = tokens.remainingArgs();
      if (policy === 'weighted') arrange = weighted(controller, rest, preferred);
      else if (policy !== 'round_robin') throw tokens.error(`unknown policy: ${policy}`);
      else if (rest.length > 0) throw tokens.error(`unknown property for ${policy}`);
      while (tokens.nextBlock()) {
        if (tokens.value !== 'prefer') throw tokens.unknownProperty();
        preferred.push(...parsePreferred(tokens));
      }
    }
    if (arrange === shuffle && preferred.length === 0) controller.repeatable();
    const prefer = preferred.length > 0 ? createPreference(preferred) : undefined;
    const change = (reply: Reply): Reply => {
      if (reply.rcode !== 0 || reply.transfer) return reply;
      return prefer ? prefer(arrange(reply)) : arrange(reply);
    };
    return (next) => (query) => whenReplied(next(query), change);
  },
};

function parsePreferred(tokens: Dispenser): Subnets[] {
  return tokens
    .remainingArgs()
    .map((net) => createSubnets([net], () => tokens.error(`invalid CIDR ${JSON.stringify(net)}`)));
}

/** Reads `weighted FILE { reload DURATION }`, and the file again from time to time. */
function weighted(controller: Controller, args: string[], preferred: Subnets[]): Arrange {
  const { tokens, surroundings, onStart, onServing, onStop } = controller;
  const [file] = args;
  if (file === undefined) throw tokens.error('missing weight file argument');
  if (args.length > 1) throw tokens.error('unexpected argument(s)');
  let reload = 30_000;
  while (tokens.nextBlock()) {
    if (tokens.value === 'prefer') {
      preferred.push(...parsePreferred(tokens));
      continue;
    }
    if (tokens.value !== 'reload') throw tokens.unknownProperty();
    const [text = ''] = tokens.args(1);
    const duration = parseDuration(text);
    if (duration === undefined) throw tokens.error(`invalid reload duration '${text}'`);
    reload = duration;
  }
  let weights: Weights = () => 1;
  let seen: string | undefined;
  const read = () => {
    const text = readFileSync(file, 'utf8');
    if (text === seen) return;
    weights = parseWeights(text, file);
    seen = text;
    surroundings.log.info(`plugin/loadbalance: Successfully reloaded weight file ${file}`);
  };
  const readAgain = () => {
    try {
      read();
    } catch (error) {
      surroundings.log.error(`plugin/loadbalance: ${(error as Error).message}`);
    }
  };
  onStart(() => {
    try {
      read();
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code !== undefined;
      if (!isMissing || reload === 0) throw error;
      surroundings.log.warning(`plugin/loadbalance: Failed to open weight file: ${(error as Error).message}`);
    }
  });
  let timer: NodeJS.Timeout | undefined;
  onServing(() => {
    if (reload > 0) timer = setInterval(readAgain, reload).unref();
  });
  onStop(() => clearInterval(timer));
  return (reply) => ({
    ...reply,
    answers: drawFirst(reply.answers, weights, Math.random),
    additionals: drawFirst(reply.additionals, weights, Math.random),
  });
}
