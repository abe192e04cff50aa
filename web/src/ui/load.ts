import { useLayoutEffect, useState } from "preact/hooks";
import { ApiError, isAbort, messageOf } from "../api";

interface Loaded<T> {
  value: T | null;
  error: string | null;
  status: number;
  again: () => void;
}

/** Loads something whenever one of `parts` changes. The former value stays until the next one is there. */
export function useLoad<T>(load: (signal: AbortSignal) => Promise<T>, parts: readonly unknown[], key = ""): Loaded<T> {
  const [state, setState] = useState<{ value: T | null; error: string | null; status: number; key: string }>({ value: null, error: null, status: 0, key });
  const [tries, setTries] = useState(0);
  // Before the next frame, because the answer takes the most time.
  useLayoutEffect(() => {
    const controller = new AbortController();
    load(controller.signal)
      .then((value) => setState({ value, error: null, status: 200, key }))
      .catch((error) => {
        if (isAbort(error)) return;
        setState((before) => ({ value: before.key === key ? before.value : null, error: messageOf(error), status: error instanceof ApiError ? error.status : 0, key }));
      });
    return () => controller.abort();
  }, [...parts, key, tries]);
  const again = () => setTries(tries + 1);
  return state.key === key ? { ...state, again } : { value: null, error: null, status: 0, again };
}
