/** Configuration and policies of a vector set as files, and what the product makes of them. */
import { writeFileSync } from 'node:fs';
import { parseIp } from '../../src/attributes/address.ts';
import { linearScan } from '../../src/policy-index/linear-scan.ts';
import { compileSnapshot } from '../../src/policy-index/snapshot.ts';
import type { PolicySnapshot } from '../../src/policy-index/snapshot.ts';
import { answerSettings, snapshotOptions } from '../../src/cli/settings.ts';
import type { AnswerSettings } from '../../src/cli/settings.ts';
import type { ServiceConfig } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { loadPolicySet } from '../../src/policy/load.ts';
import { files } from '../cli/support.ts';
import type { Files } from '../cli/support.ts';
import { padded } from './padding.ts';
import type { Amount } from './padding.ts';
import type { InvalidSet, VectorSet } from './vectors.ts';

const JWT_METADATA = 'envoy.filters.http.jwt_authn';

export interface Engine {
  readonly answers: AnswerSettings;
  readonly index: PolicySnapshot;
  /** The oracle of the index. */
  readonly scan: PolicySnapshot;
  /** The index with rules beside that match nothing; its revision is another. */
  readonly padded: Readonly<Record<Amount, PolicySnapshot>>;
}

/** Files of one set at a time: the next one overwrites those of the last. */
export class Workspace implements Disposable {
  readonly #files: Files = files({});
  readonly configFile = this.#files.at('config.yaml');
  readonly policyFile = this.#files.at('policies.yaml');
  #written = '';

  /** null: the set is refused. The files stand there in any case. */
  open(set: VectorSet): Engine | null {
    const config = this.#configure(configText(set));
    const text = policyText(set);
    writeFileSync(this.policyFile, text);
    const { language, decisions } = snapshotOptions(config);
    const { set: policies } = loadPolicySet([{ path: this.policyFile, text }], language);
    if (policies === null) return null;
    const { snapshot: index } = compileSnapshot(policies, decisions);
    const { snapshot: scan } = compileSnapshot(policies, decisions, linearScan);
    if (index === null || scan === null) return null;
    const actions = allowApplies(index, set) ? (['ALLOW', 'DENY'] as const) : (['DENY'] as const);
    const among = (amount: Amount): PolicySnapshot =>
      compileSnapshot(padded(policies, amount, actions), decisions).snapshot!;
    return { answers: answerSettings(config), index, scan, padded: { few: among('few'), many: among('many') } };
  }

  #configure(text: string): ServiceConfig {
    if (text !== this.#written) writeFileSync(this.configFile, text);
    this.#written = text;
    const { config, diagnostics } = loadConfig({ file: this.configFile, env: {} });
    if (config === null) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
    return config;
  }

  [Symbol.dispose](): void {
    this.#files[Symbol.dispose]();
  }
}

/** Does some ALLOW policy apply to the called workload? */
function allowApplies(snapshot: PolicySnapshot, { addresses: [address = ''] }: VectorSet): boolean {
  const ip = parseIp(address);
  const workload = ip === null ? null : snapshot.workloadAt(ip);
  if (workload === null || workload === 'conflict') throw new Error(`no workload at ${address}`);
  return snapshot.scopeOf(workload)?.allowApplies === true;
}

/** JSON is YAML. */
function configText({ workload, envoy }: VectorSet): string {
  const { trustDomain, trustDomainAliases = [] } = workload;
  return JSON.stringify({
    policies: ['policies.yaml'],
    // Some sets hold only policies that decide nothing.
    allowEmpty: true,
    defaultAction: 'ALLOW',
    rootNamespace: 'istio-system',
    trustDomain,
    trustDomainAliases,
    requests: { ambiguousPaths: 'evaluate' },
    identity: { jwtMetadata: JWT_METADATA },
    clientIp: { useRemoteAddress: envoy.useRemoteAddress, xffTrustedHops: envoy.xffTrustedHops },
  });
}

/** The set's own policies, and the called workload as an entry for each of its addresses. */
function policyText({ workload: { namespace, labels }, addresses, policies }: VectorSet): string {
  const entries = addresses.map((address, i) => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata: { name: `called-${i}`, namespace },
    spec: { address, labels },
  }));
  return [policies, ...entries.map((entry) => `${JSON.stringify(entry)}\n`)].join('\n---\n');
}

/** Do we refuse what Istio's validation refuses? */
export function isRefused({ id, policies }: InvalidSet): boolean {
  const { set } = loadPolicySet([{ path: `${id}.yaml`, text: policies }], {
    rootNamespace: 'istio-system',
    trustDomain: 'cluster.local',
    trustDomainAliases: [],
    allowEmpty: true,
    jwtMetadata: JWT_METADATA,
    remoteIpConfigured: true,
  });
  return set === null;
}
