import type { Plugin } from '../plugin.ts';
import { acl } from './acl/plugin.ts';
import { any } from './any/plugin.ts';
import { autopath } from './autopath/plugin.ts';
import { bind } from './bind/plugin.ts';
import { cache } from './cache/plugin.ts';
import { errors } from './errors/plugin.ts';
import { file } from './file/plugin.ts';
import { forward } from './forward/plugin.ts';
import { health } from './health/plugin.ts';
import { hosts } from './hosts/plugin.ts';
import { kubernetes } from './kubernetes/plugin.ts';
import { loadbalance } from './loadbalance/plugin.ts';
import { log } from './log/plugin.ts';
import { loop } from './loop/plugin.ts';
import { metadata } from './metadata/plugin.ts';
import { prometheus } from './prometheus/plugin.ts';
import { ready } from './ready/plugin.ts';
import { reload } from './reload/plugin.ts';
import { rewrite } from './rewrite/plugin.ts';
import { template } from './template/plugin.ts';
import { transfer } from './transfer/plugin.ts';
import { whoami } from './whoami/plugin.ts';

/**
 * Every plugin, in the order in which a query passes them: the order of upstream's plugin.cfg, whatever the
 * order in a Corefile.
 */
export const plugins: readonly Plugin[] = [
  metadata,
  reload,
  bind,
  ready,
  health,
  prometheus,
  errors,
  log,
  any,
  loadbalance,
  rewrite,
  autopath,
  acl,
  cache,
  template,
  transfer,
  hosts,
  kubernetes,
  file,
  loop,
  forward,
  whoami,
];
