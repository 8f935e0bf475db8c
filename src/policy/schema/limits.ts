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
