/** A token and the time at which it expires, as the SDKs take it. */
export interface AccessToken {
  token: string;
  /** In milliseconds since 1970. */
  expiresOnTimestamp: number;
}

/** The answer of the function. Those under `me` and `guests` name the user. */
export interface Answer extends AccessToken {
  /** In RFC 3339. */
  expiresOn: string;
  user?: { communicationUserId: string };
}

/** What an `AbortSignal` and a signal of `@azure/abort-controller` have in common. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: (this: any, event: any) => any, options?: any): void;
  removeEventListener(type: "abort", listener: (this: any, event: any) => any, options?: any): void;
}

export interface RefresherOptions {
  /** The URL of the function: `https://…/api/me/token`, or another that answers a POST with a token. */
  url: string | URL;
  /** Returns the `Authorization` header, such as `Bearer …` with the user's sign-in token. Called before each request. */
  getAuthorization: () => string | Promise<string>;
  /** Returns the fields of the request, such as `{ expiresInMinutes: 60 }`. Called before each request. Default: no body. */
  getBody?: () => unknown;
  /** Is called with each answer, for example to learn the user's identity. */
  onAnswer?: (answer: Answer) => void;
  /** Whether to return the token alone, as `@azure/communication-common` before 2.5 needs it. Default: false. */
  compat?: boolean;
  /** The longest sum of the waits that `Retry-After` asks for. A longer wait is an error at once. Default: 30. */
  maxWaitSeconds?: number;
}

/** Returns a `tokenRefresher` for `AzureCommunicationTokenCredential`. It rejects with a `TokenError`, or as `fetch` does. */
export function tokenRefresher(
  options: RefresherOptions & { compat: true },
): (abortSignal?: AbortSignalLike) => Promise<string>;
export function tokenRefresher(
  options: RefresherOptions & { compat?: false },
): (abortSignal?: AbortSignalLike) => Promise<AccessToken>;

/** An error answer: a problem (RFC 9457). docs/problems.md of acs-tokens lists the codes. */
export interface Problem {
  title: string;
  code: string;
  detail: string;
  errors?: FieldError[];
  requestId?: string;
}

/** An error in a field of the request. */
export interface FieldError {
  /** A JSON pointer (RFC 6901). */
  pointer: string;
  detail: string;
}

/** The service issued no token. */
export class TokenError extends Error {
  constructor(status: number, problem: Problem, retryAfterSeconds?: number);
  readonly status: number;
  /** The problem's code; `unexpected-answer` if another server answered. */
  readonly code: string;
  /** The error and what to do about it. The text may change. */
  readonly remedy: string;
  readonly errors: FieldError[];
  /** The id of the request in the service's log. */
  readonly requestId?: string;
  readonly retryAfterSeconds?: number;
}
