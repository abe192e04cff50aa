import { signal } from "@preact/signals";
import { address, base } from "./api";
import { parseEvents } from "./events";
import type { Change } from "./types";

/**
 * One stream of changes for all tabs of a browser. The tab that holds the lock reads the stream and passes the changes
 * on, because a browser opens only six connections to a server.
 */

type Connection = "connecting" | "live" | "polling" | "lost";

interface Message {
  connection: Connection;
  change?: Change;
}

export const connection = signal<Connection>("connecting");
/** When the server was last heard, by the clock of this browser. */
export const heard = signal(Date.now());
export const runsTick = signal(0);
export const pointsTick = signal(0);
export const registryTick = signal(0);

const SILENCE = 6000;
const channel = new BroadcastChannel(`tracklite:${base.href}`);
let position = "";
let missed: Change | null = null;

function merge(first: Change | null, next: Change): Change {
  if (!first) return next;
  return {
    position: next.position,
    runs: first.runs || next.runs,
    points: first.points || next.points,
    registry: first.registry || next.registry,
    health: first.health === true || next.health === true,
  };
}

function apply(change: Change): void {
  if (change.runs || change.health) runsTick.value += 1;
  if (change.points) pointsTick.value += 1;
  if (change.registry) registryTick.value += 1;
}

function receive(message: Message): void {
  if (message.connection !== "lost") heard.value = Date.now();
  if (connection.peek() !== message.connection) connection.value = message.connection;
  if (!message.change) return;
  position = message.change.position;
  if (document.hidden) missed = merge(missed, message.change);
  else apply(message.change);
}

const EVERYTHING = { runs: true, points: true, registry: true };

function publish(message: Message): void {
  const back = connection.peek() === "lost" && message.connection !== "lost";
  if (back) message.change = { position: message.change?.position ?? position, ...EVERYTHING };
  receive(message);
  channel.postMessage(message);
}

function catchUp(): void {
  if (document.hidden || !missed) return;
  const change = missed;
  missed = null;
  apply(change);
}

function onEvent(event: string, data: string): void {
  if (event !== "change") return publish({ connection: "live" });
  publish({ connection: "live", change: JSON.parse(data) as Change });
}

/** The position is one of another file, or too old. Everything is read again. */
function startOver(): true {
  publish({ connection: "live", change: { position: "", ...EVERYTHING } });
  return true;
}

/** Reads the stream until it ends. Returns whether anything was heard. */
async function readStream(): Promise<boolean> {
  const abort = new AbortController();
  let timer = window.setTimeout(() => abort.abort(), SILENCE);
  let any = false;
  try {
    const response = await fetch(address("events", { since: position }), { signal: abort.signal, headers: { Accept: "text/event-stream" } });
    if (response.status === 410) return startOver();
    if (!response.ok || !response.body) return false;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ; ) {
      const { done, value } = await reader.read();
      if (done) return any;
      any = true;
      window.clearTimeout(timer);
      timer = window.setTimeout(() => abort.abort(), SILENCE);
      rest = parseEvents(rest + value, onEvent);
    }
  } catch {
    return any;
  } finally {
    window.clearTimeout(timer);
  }
}

/** Asks what changed. The first answer comes at once, so that the page soon says how it is connected. */
async function pollOnce(): Promise<boolean> {
  try {
    const wait = connection.peek() === "polling" ? 20 : 0;
    const response = await fetch(address("changes", { since: position, wait }));
    if (response.status === 410) return startOver();
    if (!response.ok) return false;
    const change = (await response.json()) as Change;
    publish(change.position === position ? { connection: "polling" } : { connection: "polling", change });
    return true;
  } catch {
    return false;
  }
}

const pause = (milliseconds: number) => new Promise((resolve) => window.setTimeout(resolve, milliseconds));

/** Streams for as long as this tab leads. Falls back to polls if the stream stays silent, as behind some proxies. */
async function lead(): Promise<never> {
  for (let failures = 0; ; ) {
    if ((await readStream()) || (await pollOnce())) {
      failures = 0;
      continue;
    }
    publish({ connection: "lost" });
    await pause(Math.min(15_000, 500 * 2 ** failures));
    failures = Math.min(5, failures + 1);
  }
}

export function startLive(since: string): void {
  position = since;
  channel.onmessage = (event: MessageEvent<Message>) => receive(event.data);
  document.addEventListener("visibilitychange", catchUp);
  if (navigator.locks) void navigator.locks.request(`tracklite:${base.href}`, () => lead());
  else void lead();
}
