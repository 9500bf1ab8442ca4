/** Addresses, for files that do not import `api/address.ts` itself yet. */
export { canonicalAddress, type Family } from '../../api/address.ts';
