/** Counts what is in flight, and marks the page as settled when nothing is. Tests wait for that mark. */

let waiting = 0;
let check: number | null = null;

function settle(): void {
  check = null;
  if (waiting === 0) document.documentElement.setAttribute("data-settled", "");
}

function finish(): void {
  waiting -= 1;
  if (waiting > 0 || check !== null) return;
  check = window.setTimeout(() => requestAnimationFrame(settle), 0);
}

/** Marks the page as busy until the returned function is called. */
export function begin(): () => void {
  waiting += 1;
  document.documentElement.removeAttribute("data-settled");
  let done = false;
  return () => {
    if (done) return;
    done = true;
    finish();
  };
}

export async function during<T>(work: Promise<T>): Promise<T> {
  const end = begin();
  try {
    return await work;
  } finally {
    end();
  }
}

/**
 * A task that runs once after a pause, however often it is asked for. The page is busy until it ran. A steady task runs
 * a pause after the first request; others wait until the requests stop.
 */
export class Delayed {
  private timer: number | null = null;
  private end: (() => void) | null = null;

  constructor(private readonly milliseconds: number, private readonly task: () => void, private readonly steady = false) {}

  request(): void {
    if (this.timer !== null && this.steady) return;
    if (this.timer !== null) window.clearTimeout(this.timer);
    this.end ??= begin();
    this.timer = window.setTimeout(() => this.run(), this.milliseconds);
  }

  cancel(): void {
    if (this.timer !== null) window.clearTimeout(this.timer);
    this.timer = null;
    this.end?.();
    this.end = null;
  }

  private run(): void {
    try {
      this.task();
    } finally {
      this.timer = null;
      this.end?.();
      this.end = null;
    }
  }
}

/** A task that runs once at the end of the present work, however often it is asked for. The page is busy until then. */
export class Soon {
  private asked = false;

  constructor(private readonly task: () => void) {}

  request(): void {
    if (this.asked) return;
    this.asked = true;
    const end = begin();
    queueMicrotask(() => {
      this.asked = false;
      try {
        this.task();
      } finally {
        end();
      }
    });
  }
}

let frameTasks: Set<() => void> = new Set();

/** Runs `task` before the next painted frame, once even if it was asked for more often. */
export function nextFrame(task: () => void): void {
  if (frameTasks.size === 0) {
    const end = begin();
    const run = () => {
      const tasks = frameTasks;
      frameTasks = new Set();
      for (const one of tasks) one();
      end();
    };
    if (document.hidden) window.setTimeout(run, 0);
    else requestAnimationFrame(run);
  }
  frameTasks.add(task);
}
