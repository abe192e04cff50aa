import { during } from "./busy";
import { decodeFrame, type Frame } from "./frame";
import { withSeries } from "./plot/series";
import { answer, NotInReport, report, type Report } from "./report";
import type { CurvesMeta } from "./types";

/** The address below which the server answers, from the address of this script. */
export const base = new URL("..", import.meta.url);

export class ApiError extends Error {
  constructor(readonly status: number, readonly code: string, message: string, readonly body: Record<string, unknown>) {
    super(message);
  }
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const UNREACHABLE = "The server does not answer. Is it still running?";

type Query = Record<string, string | number | boolean | null | undefined>;

export function address(path: string, query: Query = {}): string {
  const url = new URL(`api/v1/${path}`, base);
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(key, String(value));
  }
  return url.href;
}

async function failure(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => "");
  let body: Record<string, unknown> = {};
  try {
    body = JSON.parse(text) as Record<string, unknown>;
  } catch {
    body = { message: text.slice(0, 500) };
  }
  const message = String(body["message"] ?? "") || `the server answered ${response.status} ${response.statusText}`;
  return new ApiError(response.status, String(body["error_code"] ?? response.status), message, body);
}

async function send(method: string, url: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { "X-Tracklite": "page" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const init: RequestInit = { method, headers, credentials: "same-origin" };
  if (body !== undefined) init.body = JSON.stringify(body);
  if (signal) init.signal = signal;
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError(0, "UNREACHABLE", UNREACHABLE, {});
  }
  if (!response.ok) throw await failure(response);
  return response;
}

/** Answers a request from the report that this page is. */
async function embedded<T>(found: Report, method: string, url: string, body?: unknown): Promise<T> {
  try {
    return (await answer(found, method, new URL(url), body)) as T;
  } catch (error) {
    throw error instanceof NotInReport ? new ApiError(0, "REPORT", error.message, {}) : error;
  }
}

export async function getJson<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const url = address(path, query);
  if (report) return during(embedded<T>(report, "GET", url));
  return during(send("GET", url, undefined, signal).then((response) => response.json() as Promise<T>));
}

export async function sendJson<T>(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  if (report) return during(embedded<T>(report, method, address(path), body));
  const text = send(method, address(path), body, signal).then((response) => response.text());
  return during(text.then((found) => JSON.parse(found || "{}") as T));
}

export async function postFrame<Meta>(path: string, body: unknown, signal?: AbortSignal): Promise<Frame<Meta>> {
  if (report) return during(embedded<Frame<Meta>>(report, "POST", address(path), body));
  const bytes = send("POST", address(path), body, signal).then((response) => response.arrayBuffer());
  return during(bytes.then((buffer) => decodeFrame<Meta>(buffer)));
}

/** Asks for curves or bands. */
export async function postCurves(body: unknown, signal?: AbortSignal): Promise<Frame<CurvesMeta>> {
  return withSeries(await postFrame<{ position: string; series?: CurvesMeta["series"] }>("curves", body, signal));
}

export async function getFrame<Meta>(path: string, query: Query, signal?: AbortSignal): Promise<Frame<Meta>> {
  if (report) return during(embedded<Frame<Meta>>(report, "GET", address(path, query)));
  const bytes = send("GET", address(path, query), undefined, signal).then((response) => response.arrayBuffer());
  return during(bytes.then((buffer) => decodeFrame<Meta>(buffer)));
}

/** Returns the first bytes of a file as text, and whether there are more. */
export async function getText(url: string, limit: number, signal?: AbortSignal): Promise<{ text: string; cut: boolean }> {
  return during(readText(url, limit, signal));
}

/** Returns the last bytes of a file as text, and whether there are more. */
export async function getTail(url: string, limit: number, signal?: AbortSignal): Promise<{ text: string; cut: boolean }> {
  return during(readText(url, limit, signal, `bytes=-${limit}`));
}

async function readText(url: string, limit: number, signal?: AbortSignal, range = `bytes=0-${limit - 1}`): Promise<{ text: string; cut: boolean }> {
  const init: RequestInit = { headers: { Range: range }, credentials: "same-origin" };
  if (signal) init.signal = signal;
  const response = await fetch(url, init);
  if (response.status === 416) return { text: "", cut: false };
  if (!response.ok) throw await failure(response);
  const bytes = await response.arrayBuffer();
  const found = response.headers.get("Content-Range");
  const total = Number(found?.split("/")[1] ?? bytes.byteLength);
  return { text: new TextDecoder().decode(bytes.slice(0, limit)), cut: total > limit };
}

/** Sends JSON that is text already, and returns the answer whatever its status is. */
export async function postText(path: string, text: string): Promise<{ status: number; text: string; headers: Headers }> {
  const headers = { "X-Tracklite": "page", "Content-Type": "application/json" };
  const sent = fetch(address(path), { method: "POST", headers, credentials: "same-origin", body: text });
  return during(sent.then(async (response) => ({ status: response.status, text: await response.text(), headers: response.headers }), () => {
    throw new ApiError(0, "UNREACHABLE", UNREACHABLE, {});
  }));
}

/** Trades a token for a cookie that scripts cannot read. */
export async function signIn(token: string): Promise<void> {
  await sendJson("POST", "session", { token });
}

/** Trades the token of the address's fragment for a cookie, and removes it from the address. */
export async function openSession(): Promise<void> {
  const match = /(?:^#|&)token=([^&]+)/.exec(location.hash);
  if (!match) return;
  history.replaceState(history.state, "", location.pathname + location.search);
  await signIn(decodeURIComponent(match[1] ?? ""));
}
