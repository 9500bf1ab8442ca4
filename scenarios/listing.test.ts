import { expect, it } from 'vitest';
import { chainOf, differences, rulesOf } from './listing.ts';

// `iptables -L -v -n -t nat` of iptables 1.8.9.
const listing = `Chain KUBE-SEP-AWCC2LDBQVTJ7OT6 (1 references)
 pkts bytes target     prot opt in     out     source               destination         
    0     0 KUBE-MARK-MASQ  0    --  *      *       10.32.2.3            0.0.0.0/0            /* default/service-test: */
    2   120 DNAT       6    --  *      *       0.0.0.0/0            0.0.0.0/0            /* default/service-test: */ tcp to:10.32.2.3:8080

Chain KUBE-SEP-AWCC2LDBQVTJ7OT (0 references)
 pkts bytes target     prot opt in     out     source               destination         
`;

const article = `Chain KUBE-SEP-WHOFXZ2VQXEUUKVO (1 references)
 pkts bytes target     prot opt in     out     source               destination
    0     0 KUBE-MARK-MASQ  all  --  *      *       10.36.0.1            0.0.0.0/0            /* default/service-test: */
    0     0 DNAT       tcp  --  *      *       0.0.0.0/0            0.0.0.0/0            /* default/service-test: */ tcp to:10.36.0.1:8080
`;

const chain = chainOf(listing, 'KUBE-SEP-AWCC2LDBQVTJ7OT6');
const names = { '10.32.2.3': '10.36.0.1', 'KUBE-SEP-AWCC2LDBQVTJ7OT6': 'KUBE-SEP-WHOFXZ2VQXEUUKVO' };

it('finds a chain, and its counters', () => {
  expect(rulesOf(chain)).toEqual([
    { packets: 0, target: 'KUBE-MARK-MASQ', rest: expect.stringContaining('all -- * * 10.32.2.3') },
    { packets: 2, target: 'DNAT', rest: expect.stringContaining('tcp -- * * 0.0.0.0/0') },
  ]);
  expect(chainOf(listing, 'KUBE-SEP-AWCC2LDBQVTJ7OT')).toHaveLength(2);
  expect(chainOf(listing, 'KUBE-SVC-X')).toEqual([]);
});

it('is like the article but for counters, spacing, protocol numbers and the names told', () => {
  expect(differences(chain, article, names)).toBe('');
});

it('says what differs', () => {
  expect(differences(chain, article, { ...names, '10.32.2.3': '10.36.0.2' })).toBe(
    'KUBE-MARK-MASQ all -- * * 10.36.0.2 0.0.0.0/0 /* default/service-test: */ (article: KUBE-MARK-MASQ all -- * * 10.36.0.1 0.0.0.0/0 /* default/service-test: */); ' +
      'DNAT tcp -- * * 0.0.0.0/0 0.0.0.0/0 /* default/service-test: */ tcp to:10.36.0.2:8080 (article: DNAT tcp -- * * 0.0.0.0/0 0.0.0.0/0 /* default/service-test: */ tcp to:10.36.0.1:8080)',
  );
  expect(differences(chain.slice(0, 3), article, names)).toMatch(/^nothing \(article: DNAT tcp/);
  expect(differences([], article, names)).toMatch(/^nothing \(article: Chain/);
});
