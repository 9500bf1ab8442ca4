/**
 * An apiserver as a process of its own, for tests that kill it: `node program.ts FOLDER [ETCD]`. Serves on
 * FOLDER/sock, prints `ready`, and ends when its standard input does. ETCD: {@link EtcdOptions} as JSON.
 */
import type { EtcdOptions } from '../storage/etcd/storage.ts';
import { startTestApiserver } from './apiserver.ts';

const [folder, etcd] = process.argv.slice(2);
if (!folder) throw new Error('usage: program.ts FOLDER [ETCD]');
await startTestApiserver(etcd ? { etcd: JSON.parse(etcd) as EtcdOptions } : {}, folder);
process.stdin.resume().once('end', () => process.exit());
console.log('ready');
