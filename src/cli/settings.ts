/** The service configuration, cut to what each stage of a decision wants of it. */
import type { ServiceConfig } from '../config/config.ts';
import { fingerprint } from '../config/fingerprint.ts';
import type { DenialTexts } from '../extauthz/answer.ts';
import { AskForProof } from '../extauthz/ask-for-proof.ts';
import type { HeaderLimits } from '../extauthz/evaluate.ts';
import type { Overload } from '../extauthz/service.ts';
import type { SnapshotOptions } from '../pap/load-snapshot.ts';

export function snapshotOptions(config: ServiceConfig): SnapshotOptions {
  const { rootNamespace, trustDomain, trustDomainAliases, clientIp, identity } = config;
  return {
    origin: config.policies.join(', '),
    language: {
      rootNamespace,
      trustDomain,
      trustDomainAliases,
      allowEmpty: config.allowEmpty,
      jwtMetadata: identity.jwtMetadata,
      remoteIpConfigured: clientIp.explicit,
      xffTrustedHops: clientIp.xffTrustedHops,
    },
    decisions: {
      defaultAction: config.defaultAction,
      rootNamespace,
      trustDomain,
      trustDomainAliases,
      ambiguousPaths: config.requests.ambiguousPaths,
      workloadSource: config.workload.require,
      clientIp: { useRemoteAddress: clientIp.useRemoteAddress, xffTrustedHops: clientIp.xffTrustedHops },
      jwtMetadata: identity.jwtMetadata,
      xfcc: identity.xfcc,
      fingerprint: fingerprint(config),
    },
  };
}

export interface AnswerSettings {
  readonly limits: HeaderLimits & { readonly maxMessageBytes: number };
  readonly texts: DenialTexts;
  readonly overload: Overload;
  readonly askForProof: AskForProof;
}

export function answerSettings(config: ServiceConfig): AnswerSettings {
  const { limits, responses, overload } = config;
  return {
    limits: {
      maxMessageBytes: limits.maxMessageBytes,
      maxHeaders: limits.maxHeaders,
      maxHeaderBytes: limits.maxHeaderBytes,
    },
    texts: responses,
    overload,
    askForProof: new AskForProof(config.identity.answers),
  };
}
