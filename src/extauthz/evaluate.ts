/**
 * The stages between bytes and a decision, for serving and for the command line alike.
 */
import type { HeaderLines } from '../attributes/header-lines.ts';
import { RequestAttributes } from '../attributes/request-attributes.ts';
import { XFCC_MARK, identify } from '../identity/identify.ts';
import type { PeerProof } from '../identity/identify.ts';
import { decision } from '../pdp/decision.ts';
import type { Decision } from '../pdp/decision.ts';
import { refuseAmbiguous } from '../pdp/gate.ts';
import type { Reason } from '../pdp/reason.ts';
import { resolveWorkload } from '../pdp/resolve-workload.ts';
import type { Scope } from '../policy-index/scope.ts';
import type { PolicySnapshot } from '../policy-index/snapshot.ts';
import type { Workload } from '../attributes/workload.ts';
import type { CheckRequestView } from './check-request.ts';

export interface HeaderLimits {
  /** Header lines of a request. */
  readonly maxHeaders: number;
  /** Names and values of all headers of a request. */
  readonly maxHeaderBytes: number;
}

/** What is asked, and of whose policies; or why no policy is asked. */
export type Question =
  | { readonly refused: Decision; readonly request: RequestAttributes; readonly workload: Workload | null }
  | {
      readonly refused: null;
      readonly request: RequestAttributes;
      readonly workload: Workload;
      readonly scope: Scope;
    };

/** The request as policies see it. */
export function attributesOf(view: CheckRequestView, { settings }: PolicySnapshot): RequestAttributes {
  return new RequestAttributes(view, settings, () => identify(new ShownProof(view), settings.xfcc));
}

/** Each part is read when it is asked for: the header and the extensions seldom are. */
class ShownProof implements PeerProof {
  readonly #view: CheckRequestView;

  constructor(view: CheckRequestView) {
    this.#view = view;
  }

  get principal(): string {
    return this.#view.sourcePrincipal;
  }

  get certificate(): string {
    return this.#view.sourceCertificate;
  }

  get forwardedClientCert(): HeaderLines {
    return this.#view.header('x-forwarded-client-cert');
  }

  get xfccMarked(): boolean {
    return this.#view.contextExtensions.get(XFCC_MARK.key) === XFCC_MARK.value;
  }
}

/** What no policy is asked about, whatever the policies are: told by the message as a whole. */
export function refuseMessage(view: CheckRequestView, limits: HeaderLimits): Reason | null {
  if (!view.hasHttp) return 'malformed_request';
  const { count, bytes } = view.headerStatistics;
  if (count > limits.maxHeaders || bytes > limits.maxHeaderBytes) return 'headers_too_large';
  return null;
}

export function pose(view: CheckRequestView, snapshot: PolicySnapshot, limits: HeaderLimits): Question {
  const { settings } = snapshot;
  const request = attributesOf(view, snapshot);
  const refuse = (reason: Reason, workload: Workload | null = null): Question => ({
    refused: decision(reason),
    request,
    workload,
  });
  const unfit = refuseMessage(view, limits);
  if (unfit !== null) return refuse(unfit);
  const ambiguity = refuseAmbiguous(request, settings.ambiguousPaths);
  if (ambiguity !== null) return refuse(ambiguity);
  if (view.hasContradictingHeaders()) return refuse('malformed_header');
  const workload = resolveWorkload(request, snapshot);
  if (workload === 'conflict') return refuse('workload_conflict');
  request.workload = workload;
  const scope = snapshot.scopeOf(workload);
  if (scope === null) return refuse('workload_unresolved', workload);
  return { refused: null, request, workload, scope };
}

/**
 * May the answer be one that was given to the same bytes of what its rules read? Not when something of the message
 * as a whole counts: how large it is, headers that contradict each other, and headers that must be taken out.
 */
export function isPlain(view: CheckRequestView, snapshot: PolicySnapshot, limits: HeaderLimits): boolean {
  return (
    !view.hasUnderscoredNames &&
    !snapshot.ownedHaveUnderscore &&
    refuseMessage(view, limits) === null &&
    !view.hasContradictingHeaders() &&
    !hasFailureMark(view)
  );
}

const FAILURE_MODE_HEADER = 'x-envoy-auth-failure-mode-allowed';

/**
 * Headers of this very request that must not reach the upstream although no rule sets them: spellings of
 * owned headers that some frameworks read as the same name (`x_user` for `x-user`), and the mark with
 * which Envoy tells that nobody was asked.
 */
export function strayHeaders(view: CheckRequestView, snapshot: PolicySnapshot): readonly string[] {
  const stray: string[] = [];
  if (snapshot.ownedFolded.size > 0) {
    const candidates = snapshot.ownedHaveUnderscore ? view.headerNames() : view.underscoredNames();
    for (const name of candidates)
      if (snapshot.ownedFolded.has(name.replaceAll('-', '_')) && !snapshot.ownedHeaders.includes(name))
        stray.push(name);
  }
  if (hasFailureMark(view)) stray.push(FAILURE_MODE_HEADER);
  // Sorted, since a caller chooses the order and answers are shared by it.
  return stray.sort();
}

function hasFailureMark(view: CheckRequestView): boolean {
  const mark = view.header(FAILURE_MODE_HEADER);
  return mark.form === 'joined' || mark.lines.length > 0;
}
