/** The ext_authz filter itself: whether it asks, what happens without an answer, and with one. */
import type { Part } from '../part.ts';
import type { ServiceFacts } from '../service-facts.ts';
import { checkStatusOnError, checkTimeout } from './no-answer.ts';

/** `isWhole`: false for a patch, where what is not said is as it was. What the question leaves out is in question.ts. */
export function checkExtAuthz(config: Part, facts: ServiceFacts, isWhole = true): void {
  checkNoAnswer(config, isWhole);
  checkAnswers(config);
  checkHidden(config);
  checkBody(config.at('with_request_body'), facts);
}

function checkNoAnswer(config: Part, isWhole: boolean): void {
  const allow = config.at('failure_mode_allow');
  if (allow.flag() === true) allow.report('fail-open', 'without an answer the request passes');
  const status = config.in('status_on_error', 'code');
  if (isWhole || status.isThere) checkStatusOnError(status);
  if (config.at('http_service').isThere) {
    config.at('http_service').report('not-grpc', 'the filter asks an HTTP service');
  }
  const service = config.at('grpc_service');
  const timeout = service.at('timeout');
  if (isWhole || timeout.isThere) checkTimeout(timeout);
  for (const retries of [service.at('retry_policy'), service.in('envoy_grpc', 'retry_policy')]) {
    if (retries.isThere) retries.report('question-retried', 'a question without an answer is asked again');
  }
}

function checkAnswers(config: Part): void {
  const shadow = config.at('shadow_mode');
  if (shadow.flag() === true) shadow.report('shadow-mode', 'the filter asks, and lets every request pass');
  const rules = config.at('decoder_header_mutation_rules');
  if (rules.isThere && rules.at('disallow_is_error').flag() !== true) {
    rules.report('mutations-refused', 'headers of an answer that these rules refuse are left out without a word');
  }
  const ingestion = config.at('enable_dynamic_metadata_ingestion');
  if (ingestion.flag() === false)
    ingestion.report('metadata-dropped', 'what an answer says about the decision is dropped');
}

function checkHidden(config: Part): void {
  for (const name of ['allowed_headers', 'disallowed_headers']) {
    const headers = config.at(name);
    if (!headers.isThere) continue;
    const what = name === 'allowed_headers' ? 'only some headers are' : 'some headers are not';
    headers.report('headers-hidden', `${what} sent to Portcullis (\`${name}\`)`);
  }
}

export function checkBody(body: Part, facts: ServiceFacts): void {
  if (!body.isThere) return;
  const partial = body.at('allow_partial_message');
  if (partial.flag() === true) partial.report('body-partial', 'of a long body only the beginning is sent');
  const bytes = body.at('max_request_bytes');
  const most = facts?.limits.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
  if ((bytes.number() ?? 0) >= most) {
    bytes.report('body-too-large', `bodies are sent up to ${bytes.number() ?? 0} bytes, and Portcullis takes ${most}`);
  } else if (partial.flag() !== true) body.report('body-sent', 'bodies are sent to Portcullis');
}

/** Of `limits.maxMessageBytes`, where no configuration of Portcullis was given. */
const DEFAULT_MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
