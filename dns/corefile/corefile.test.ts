import { describe, expect, test } from 'vitest';
import { instanceOf } from '../testing/plugin.ts';
import { parseCorefile } from './parse.ts';
import { parseZoneKey, reverseZones } from './zones.ts';

/** Keys and directives of each block, each directive's tokens as one line. */
function shape(text: string, options: Parameters<typeof parseCorefile>[2] = {}) {
  return parseCorefile(text, 'Corefile', options).map(({ keys, directives }) => ({
    keys: keys.map(({ text }) => text),
    directives: [...directives.values()].map((tokens) => tokens.map(({ text }) => text).join(' ')),
  }));
}

describe('server blocks', () => {
  test('keys on a line, over commas, and directives with blocks of their own', () => {
    expect(shape('a, b\nc\n')).toEqual([{ keys: ['a', 'b'], directives: ['c'] }]);
    expect(shape('a b,\nc {\n x 1 {\n  y "2 3" # note\n }\n x 4\n z\n}\nd {\n}')).toEqual([
      { keys: ['a', 'b', 'c'], directives: ['x 1 { y 2 3 } x 4', 'z'] },
      { keys: ['d'], directives: [] },
    ]);
  });

  test('a snippet and a file are put in their places', () => {
    const text = '(common) {\n errors\n log\n}\n. {\n import common\n import other\n}\n';
    const readFile = (path: string) => (path === 'other' ? 'cache 30\nloop\n' : '');
    expect(shape(text, { readFile })).toEqual([
      { keys: ['.'], directives: ['errors', 'log', 'cache 30', 'loop'] },
    ]);
  });

  test('variables of the environment', () => {
    const environment = { ZONE: 'example.org', PORT: '1053' };
    expect(shape('{$ZONE}:{$PORT} {\n forward . {%UPSTREAM%} {$NONE}\n}', { environment })).toEqual([
      { keys: ['example.org:1053'], directives: ['forward .  '] },
    ]);
  });

  test.each([
    ['. {\n nonsense\n}', "Corefile:2 - Error during parsing: Unknown directive 'nonsense'"],
    ['. {\n errors', 'Corefile:2 - Error during parsing: Unexpected EOF'],
    [
      '. {\n errors\n}\n}\n',
      "Corefile:4 - Error during parsing: Syntax error: Unexpected token '}', expecting '{'",
    ],
    [
      '(a) {\n}\n(a) {\n}\n',
      'Corefile:3 - Error during parsing: redeclaration of previously declared snippet a',
    ],
    [
      '. {\n import\n}',
      "Corefile:2 - Error during parsing: Wrong argument count or unexpected line ending after 'import'",
    ],
    [
      '. {\n kubernetes {\n  nonsense\n }\n}',
      "plugin/kubernetes: Corefile:3 - Error during parsing: unknown property 'nonsense'",
    ],
    [
      '. {\n kubernetes {\n  ttl 9999\n }\n}',
      'plugin/kubernetes: Corefile:3 - Error during parsing: ttl must be in range [0, 3600]: 9999',
    ],
    [
      '. {\n kubernetes {\n  pods some\n }\n}',
      'plugin/kubernetes: Corefile:3 - Error during parsing: wrong value for pods: some,  must be one of: disabled, verified, insecure',
    ],
    [
      '. {\n kubernetes 10.0.0.0/24\n}',
      'plugin/kubernetes: Corefile:2 - Error during parsing: non-reverse zone name must be used',
    ],
    [
      '. {\n forward .\n}',
      "plugin/forward: Corefile:2 - Error during parsing: Wrong argument count or unexpected line ending after '.'",
    ],
    [
      '. {\n forward . nobody.invalid\n}',
      'plugin/forward: Corefile:2 - Error during parsing: not an IP address or file: "nobody.invalid"',
    ],
    [
      '. {\n cache 0\n}',
      'plugin/cache: Corefile:2 - Error during parsing: cache TTL can not be zero or negative: 0',
    ],
    [
      '. {\n reload 1s\n}',
      'plugin/reload: Corefile:2 - Error during parsing: interval value must be greater or equal to 2s',
    ],
    [
      '. {\n health here\n}',
      'plugin/health: Corefile:2 - Error during parsing: address here: missing port in address',
    ],
    [
      '. {\n loadbalance best\n}',
      'plugin/loadbalance: Corefile:2 - Error during parsing: unknown policy: best',
    ],
    [
      'tls://. {\n errors\n}',
      "Corefile:1 - Error during parsing: transport 'tls' is not supported: only dns:// is",
    ],
    [
      '. {\n errors\n}\n.:53 {\n log\n}',
      'Corefile:4 - Error during parsing: cannot serve dns://.:53 - it is already defined',
    ],
    ['', 'Corefile:1 - Error during parsing: there is no server block: write one such as ". { whoami }"'],
  ])('%j is an error with its line', (text, message) => {
    expect(() => instanceOf(text)).toThrow(expect.objectContaining({ message }));
  });

  test('the Corefile that kubeadm installs, and that of article 003', () => {
    const kubeadm = `.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . 127.0.0.1 {
       max_concurrent 1000
    }
    cache 30 {
       disable success cluster.local
       disable denial cluster.local
    }
    loop
    reload
    loadbalance
}`;
    expect([...instanceOf(kubeadm).listeners.keys()]).toEqual([':53']);
    const article = `.:53 {
        errors
        health
        kubernetes cluster.local. in-addr.arpa ip6.arpa {
            pods insecure
            upstream
            fallthrough in-addr.arpa ip6.arpa
        }
        prometheus :9153
        forward . 127.0.0.1
        cache 30
        loop
        reload
        loadbalance
    }`;
    expect([...instanceOf(article).listeners.keys()]).toEqual([':53']);
  });
});

describe('zones', () => {
  test.each([
    ['.', { zones: ['.'], transport: 'dns' }],
    ['Example.ORG:1053', { zones: ['example.org.'], port: 1053, transport: 'dns' }],
    ['dns://:53', { zones: ['.'], port: 53, transport: 'dns' }],
    ['10.0.0.0/24', { zones: ['0.0.10.in-addr.arpa.'], transport: 'dns' }],
  ])('%s', (key, expected) => {
    expect(parseZoneKey(key)).toEqual(expected);
  });

  test('a CIDR that ends inside a label is several zones', () => {
    expect(reverseZones('10.0.4.0/23')).toEqual(['4.0.10.in-addr.arpa.', '5.0.10.in-addr.arpa.']);
    expect(reverseZones('fd00:30::/31')).toEqual(
      ['0.3.0.0.0.0.d.f.ip6.arpa.', '1.3.0.0.0.0.d.f.ip6.arpa.'].map(String),
    );
    expect(reverseZones('10.0.0.0/33')).toBeUndefined();
  });

  test.each(['example.org:', 'a..b', `${'a'.repeat(64)}.org`])('%s is none', (key) => {
    expect(() => parseZoneKey(key)).toThrow();
  });
});
