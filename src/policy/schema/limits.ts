/** Bounds on our own kinds. Each keeps a slip (a generated list, a pasted file) from costing every request. */

/** Rules of one policy. A policy is one team's text about one workload; above this it is data, for claims or groups. */
export const MAX_RULES = 2000;

/** Values of one list. */
export const MAX_VALUES = 10_000;

/** Sources, operations or conditions of one rule. */
export const MAX_ALTERNATIVES = 500;

/** `spec.serviceAccounts`: more workloads than this share a label. */
export const MAX_SERVICE_ACCOUNTS = 64;

/** Header or query names in one list or map of `respond`. Envoy refuses requests of more than 100 headers by default. */
export const MAX_NAMES = 64;

/** Characters of a header or query template. Its values are bounded when it is filled in. */
export const MAX_TEMPLATE_LENGTH = 4096;

/** Bytes of a denial's body: one error page. Values filled in count too when it is sent (pdp/obligations.ts). */
export const MAX_BODY_LENGTH = 4096;

/** Characters of a CEL condition. */
export const MAX_CONDITION_LENGTH = 4096;

/** Characters of a rule's name: it goes to logs, metrics labels and metadata. */
export const MAX_RULE_NAME_LENGTH = 128;

/** Audiences of one provider: names of one service. */
export const MAX_AUDIENCES = 64;

/** Headers, parameters or cookies of one provider: each is looked at in every request. */
export const MAX_LOCATIONS = 8;

/** Names of claims, or scopes, in one list. */
export const MAX_CLAIM_NAMES = 64;

/** Characters of an issuer, audience, address or name: an address of 2,048 characters is the longest that is in use. */
export const MAX_IDENTITY_TEXT = 2048;

/** Characters of a key set in a file. An RSA key of 4,096 bits takes 750. */
export const MAX_JWKS_LENGTH = 64 * 1024;

/** Rules of one RequestAuthentication: every token is held against each. */
export const MAX_JWT_RULES = 64;

/** Keys of one provider, found by their hash. Past this they are data, for an authorization server. */
export const MAX_API_KEYS = 10_000;

/** Labels of an API key. */
export const MAX_LABELS = 32;
