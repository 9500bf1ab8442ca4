import type { Plugin } from '../../plugin.ts';
import { emptyReply, Rcode } from '../../wire/message.ts';

const hinfo = 13;
const data = Buffer.concat(
  ['ANY obsoleted', 'See RFC 8482'].map((text) =>
    Buffer.from(String.fromCharCode(text.length) + text, 'latin1'),
  ),
);

/** Gives queries of type ANY the least answer there is (RFC 8482). */
export const any: Plugin = {
  name: 'any',
  setup({ tokens, repeatable }) {
    tokens.next();
    tokens.args(0);
    repeatable();
    return (next) => (query) => {
      if (query.type !== 'ANY') return next(query);
      return {
        ...emptyReply(Rcode.NOERROR),
        authoritative: true,
        answers: [{ name: query.name, ttl: 8482, type: 'RAW', code: hinfo, data }],
      };
    };
  },
};
