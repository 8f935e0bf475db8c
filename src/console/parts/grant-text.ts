/** What a rule says, in a line. */
import type { Caller, Grant, Operation } from '../api/answers.ts';
import { callerText } from './identity-text.ts';

/** Values of a list that are named; the rest is counted. */
const NAMED = 3;

const KINDS: Readonly<Record<string, string>> = {
  serviceAccounts: 'account',
  namespaces: 'namespace',
  trustDomains: 'trust domain',
  groups: 'group',
  requestPrincipals: 'token of',
  ipBlocks: 'addresses',
  remoteIpBlocks: 'client addresses',
};

export function callerName({ kind, value }: Caller): string {
  if (kind === 'anyone') return 'anyone';
  if (kind === 'principals') return callerText(value);
  return `${KINDS[kind] ?? kind} ${value}`;
}

export function callersLine(grant: Grant): string {
  const names = grant.from.map(({ callers, limits }) =>
    [some(callers.map(callerName), ' or '), ...limits].join(', with '),
  );
  return some(names, '; or ');
}

export function operationsLine(grant: Grant): string {
  return some(grant.to.map(operationLine), '; or ');
}

export function operationLine({ methods, hosts, ports, paths, limits }: Operation): string {
  const words = [
    methods === null ? 'any method' : some(methods, ', '),
    paths === null ? 'any path' : some(paths, ', '),
    ...(hosts === null ? [] : [`at ${some(hosts, ', ')}`]),
    ...(ports === null ? [] : [`port ${some(ports, ', ')}`]),
    ...limits,
  ];
  return methods === null && paths === null && words.length === 2 ? 'anything' : words.join(' ');
}

function some(values: readonly string[], between: string): string {
  const named = values.slice(0, NAMED).join(between);
  return values.length > NAMED ? `${named} and ${values.length - NAMED} more` : named;
}
