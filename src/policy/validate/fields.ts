/** Which check each field has: the same table for `from`, `to` and, by its key, `when`. */
import type { AttributeKey, OperationField, SourceField } from '../model.ts';
import { checkHost } from './host.ts';
import { checkIpBlock, checkRemoteIpBlock } from './ip-block.ts';
import { checkMethod } from './method.ts';
import { checkNamespace } from './namespace.ts';
import { checkPath } from './path.ts';
import { checkPort } from './port.ts';
import { checkPrincipal } from './principal.ts';
import { checkRequestPrincipal } from './request-principal.ts';
import { checkServiceAccount } from './service-account.ts';
import { checkTrustDomain } from './trust-domain.ts';
import type { ValueCheck } from './value-check.ts';

const anything: ValueCheck = () => undefined;

export const SOURCE_CHECKS: Readonly<Record<SourceField, ValueCheck>> = {
  principals: checkPrincipal,
  requestPrincipals: checkRequestPrincipal,
  namespaces: checkNamespace,
  serviceAccounts: checkServiceAccount,
  trustDomains: checkTrustDomain,
  ipBlocks: checkIpBlock,
  remoteIpBlocks: checkRemoteIpBlock,
  // Group names are looked up when all groups are known (read/groups.ts).
  groups: anything,
};

export const OPERATION_CHECKS: Readonly<Record<OperationField, ValueCheck>> = {
  hosts: checkHost,
  ports: checkPort,
  methods: checkMethod,
  paths: checkPath,
};

export function conditionCheck(key: AttributeKey): ValueCheck {
  switch (key.kind) {
    // That `remote.ip` is configured is looked at with the key.
    case 'remote.ip':
    case 'source.ip':
    case 'destination.ip':
      return checkIpBlock;
    case 'source.namespace':
      return checkNamespace;
    case 'source.serviceAccount':
      return checkServiceAccount;
    case 'source.principal':
      return checkPrincipal;
    case 'source.trustDomain':
      return checkTrustDomain;
    case 'request.auth.principal':
      return checkRequestPrincipal;
    case 'destination.port':
      return checkPort;
    default:
      return anything;
  }
}
