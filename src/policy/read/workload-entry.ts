import { formatIp, parseIp } from '../../attributes/address.ts';
import { asMap } from '../parse/expect.ts';
import { positionOf } from '../parse/node.ts';
import type { WorkloadEntry } from '../model.ts';
import type { PolicyObject } from '../parse/objects.ts';
import { DNS_SUBDOMAIN } from '../schema/format.ts';
import type { Context } from '../validate/value-check.ts';
import { fieldOf, stringField, textMapField } from './fields.ts';

/** null: without a usable address (reported). */
export function readWorkloadEntry(object: PolicyObject, { report }: Context): WorkloadEntry | null {
  const specNode = fieldOf(object.map, 'spec');
  const spec = specNode === undefined ? null : asMap(specNode, report);
  if (spec === null) return null;
  const account = stringField(spec, 'serviceAccount', report);
  if (account !== null && account.value !== '' && !DNS_SUBDOMAIN.test(account.value)) {
    report.error(
      'bad-service-account',
      positionOf(account),
      `\`${account.value}\` is not a service account`,
      'write its name alone; the namespace is that of the WorkloadEntry',
    );
  }
  const address = stringField(spec, 'address', report);
  const ip = address === null ? null : parseIp(address.value);
  if (address !== null && ip === null) {
    report.error(
      'bad-address',
      positionOf(address),
      `\`${address.value}\` is not an IP address`,
      'requests come with the address of the called workload: host names and `unix://` paths cannot be compared with it',
    );
  }
  const labels = [...textMapField(spec, 'labels', report)].map(([key, text]) => [key, text.value] as const);
  if (ip === null) return null;
  return {
    namespace: object.namespace,
    name: object.name,
    address: formatIp(ip),
    labels: new Map(labels),
    serviceAccount: account === null || account.value === '' ? null : account.value,
    position: positionOf(object.map),
  };
}
