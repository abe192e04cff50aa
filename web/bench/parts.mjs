// What is measured, part by part. A time goes from the input to the painted frame, inside of the page.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { countBytes, open, settled, visit } from "../test/pages.mjs";
import { api, serve } from "../test/server.mjs";

const ROUNDS = 10;

async function withServer(path, use) {
  const start = performance.now();
  const server = await serve({ file: path });
  try {
    return await use(server, performance.now() - start);
  } finally {
    await server.stop();
  }
}

/** The memory of a process that is not shared with files, in bytes. */
function memoryOf(child) {
  const text = readFileSync(`/proc/${child.pid}/status`, "utf8");
  return Number(/RssAnon:\s+(\d+)/.exec(text)[1]) * 1024;
}

/** Acts in the page, and returns the milliseconds until `shown` holds and the frame after it began. */
async function time(page, act, shown, argument) {
  return page.evaluate(([actSource, shownSource, given]) => {
    const [run, holds] = [new Function(`return (${actSource})`)(), new Function(`return (${shownSource})`)()];
    return new Promise((resolve, reject) => {
      const start = performance.now();
      run(given);
      const look = () => {
        if (performance.now() - start > 60_000) reject(new Error("not shown in 60 s"));
        else if (holds(given)) requestAnimationFrame(() => resolve(performance.now() - start));
        else setTimeout(look, 1);
      };
      look();
    });
  }, [String(act), String(shown), argument]);
}

const isSettled = () => document.documentElement.hasAttribute("data-settled");

/** Opens pages of their own and notes when the first row, or the first chart, was painted. */
async function opened(browser, url, path, shown, rounds = ROUNDS) {
  const [shells, times] = [[], []];
  let bytes = 0;
  for (let round = 0; round < rounds; round += 1) {
    const tab = await open(browser, url);
    const answers = countBytes(tab.page, "/api/");
    await tab.page.addInitScript((source) => {
      const holds = new Function(`return (${source})`)();
      const look = () => (holds() ? requestAnimationFrame(() => (window.shownAt = performance.now())) : setTimeout(look, 2));
      look();
    }, String(shown));
    await visit(tab, path);
    await tab.page.waitForFunction(() => window.shownAt !== undefined);
    shells.push(await tab.page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN));
    times.push(await tab.page.evaluate(() => window.shownAt));
    bytes = (await answers.stop()).reduce((sum, size) => sum + size, 0);
    await tab.close();
  }
  return { shells, times, bytes };
}

const hasRows = () => document.querySelector(".grid-body .row[data-run]") !== null;
const hasChart = () => (document.querySelector("[data-card] canvas")?.penLog?.() ?? []).some((line) => line.startsWith("stroke #"));
const hasAllCharts = () => {
  const seen = [...document.querySelectorAll("[data-card]")].filter((card) => card.getBoundingClientRect().top < innerHeight);
  return seen.length > 0 && seen.every((card) => (card.querySelector("canvas")?.penLog?.() ?? []).some((line) => line.startsWith("stroke #")));
};

async function start({ folder, measured }) {
  const path = join(folder, "many", "runs.tracklite");
  await withServer(path, (server) => api(server.url, "keys?kind=metric&limit=1"));
  const times = [];
  for (let round = 0; round < 5; round += 1) await withServer(path, async (_, took) => times.push(took));
  measured.add("start of the server on 100,000 runs, to listening", { times, goal: 150 });
}

async function table({ folder, browser, measured }) {
  await withServer(join(folder, "many", "runs.tracklite"), async (server) => {
    const first = await opened(browser, server.url, "/ui/runs?tab=compare&v=first:0", hasRows, 1);
    measured.add("100,000 runs: first rows, first time of a server", { times: first.times, bytes: first.bytes, goal: 600 });
    const warm = await opened(browser, server.url, "/ui/runs?tab=compare&v=first:0", hasRows);
    measured.add("shell", { times: warm.shells, goal: 150 });
    measured.add("100,000 runs: first rows", { times: warm.times, bytes: warm.bytes, goal: 400, wire: 160 });
    const tab = await open(browser, server.url);
    const { page } = tab;
    await visit(tab, "/ui/runs?c=metrics.m00,metrics.m01,metrics.m02,metrics.m03,metrics.m04&tab=compare&v=first:0");
    await scrolls(page, measured);
    await sorts(page, measured);
    await groups(tab, measured);
    await keyPresses(tab, measured);
    measured.add("memory of the server", { bytes: memoryOf(server.child), wire: 150_000 });
    await tab.close();
  });
}

async function scrolls(page, measured) {
  const windows = countBytes(page, "runs/query");
  const times = [];
  for (let round = 0; round < 20; round += 1) {
    const row = (round * 7919 * 13) % 99_900;
    times.push(await time(page, (to) => (document.querySelector("[role=grid]").scrollTop = to * 28), (to) => document.querySelector(`#line-${to + 5}`) !== null, row));
    await settled(page);
  }
  const sizes = await windows.stop();
  measured.add("jump to any row", { times, bytes: sizes.reduce((most, size) => Math.max(most, size), 0), goal: 50, wire: 40 });
}

async function sorts(page, measured) {
  const times = [];
  for (const column of ["m00", "m01", "m02", "m03", "m04"]) {
    times.push(await time(page, (name) => document.querySelector(`[data-column="metrics.${name}"] .head-words`).click(), (name) => document.querySelector(`[data-column="metrics.${name}"]`).getAttribute("aria-sort") === "ascending" && document.documentElement.hasAttribute("data-settled"), column));
  }
  measured.add("sort 100,000 runs", { times, goal: 80 });
}

/** Opens a view within the page, as a click on a link does. */
const goTo = (address) => {
  const anchor = document.createElement("a");
  anchor.href = address;
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
};

async function groups(tab, measured) {
  const columns = "c=metrics.m00,metrics.m01,metrics.m02,metrics.m03,metrics.m04&tab=compare&v=first:0";
  const times = { filter: [], group: [] };
  for (const value of [0, 1, 2]) {
    times.filter.push(await time(tab.page, goTo, isSettled, `/ui/runs?${columns}&f=params.p00%20%3D%20%27value-${value}%27`));
    times.group.push(await time(tab.page, goTo, isSettled, `/ui/runs?${columns}&g=params.p00,params.p01,params.p0${4 + value}`));
  }
  measured.add("filter 100,000 runs", { times: times.filter, goal: 80 });
  measured.add("group 100,000 runs by 3 params, with 5 metrics", { times: times.group, goal: 150 });
}

async function keyPresses(tab, measured) {
  await visit(tab, "/ui/runs?tab=compare&v=first:0");
  const input = tab.page.locator(".filter input");
  await input.focus();
  const times = [];
  for (const letter of "params.p0") {
    const start = performance.now();
    await input.press(letter);
    await settled(tab.page);
    times.push(performance.now() - start);
  }
  measured.add("a key press in the filter, with completions", { times, note: "with the way to the browser" });
}

async function keys({ folder, browser, measured }) {
  const results = [];
  for (const name of ["few", "wide"]) {
    await withServer(join(folder, `${name}.tracklite`), async (server) => {
      await opened(browser, server.url, "/ui/runs", hasAllCharts, 1);
      results.push(await opened(browser, server.url, "/ui/runs", hasAllCharts));
    });
  }
  const [few, wide] = results;
  measured.add("10 metrics: all visible charts", few);
  measured.add("12,345 metrics: all visible charts", { ...wide, goal: Math.round(1.5 * few.times.sort((a, b) => a - b)[ROUNDS >> 1]), wire: 200 });
}

async function long({ folder, browser, measured }) {
  await withServer(join(folder, "long.tracklite"), async (server) => {
    const { columns } = await firstRun(server.url);
    const path = `/ui/run/${columns}/charts`;
    const cold = await opened(browser, server.url, path, hasAllCharts, 1);
    measured.add("a run of 50 metrics x 1,000,000 points: all visible charts, first time of a server", { times: cold.times, goal: 1000 });
    const first = await opened(browser, server.url, path, hasChart);
    measured.add("the same: first chart", { times: first.times, goal: 200 });
    const all = await opened(browser, server.url, path, hasAllCharts);
    measured.add("the same: all visible charts", { times: all.times, bytes: all.bytes, goal: 400 });
    const tab = await open(browser, server.url);
    await visit(tab, path);
    await zooms(tab.page, measured, "zoom all visible charts of it");
    await crosshair(tab.page, measured);
    await tab.close();
  });
}

async function firstRun(url) {
  const response = await fetch(`${url}/api/2.0/mlflow/experiments/search`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ max_results: 10 }) });
  const ids = (await response.json()).experiments.map(({ experiment_id }) => experiment_id);
  const runs = await fetch(`${url}/api/2.0/mlflow/runs/search`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ experiment_ids: ids, max_results: 1 }) });
  return { columns: (await runs.json()).runs[0].info.run_id };
}

async function zooms(page, measured, words) {
  const answers = countBytes(page, "/curves");
  const times = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const from = 100_000 + round * 50_000;
    times.push(await time(page, goToZoom, isSettled, `${from}:${from + 200_000}`));
  }
  const sizes = await answers.stop();
  measured.add(words, { times, bytes: sizes.reduce((sum, size) => sum + size, 0) / ROUNDS, goal: 80, wire: 100 });
}

const goToZoom = (zoom) => {
  const query = new URLSearchParams(location.search);
  query.set("z", zoom);
  const anchor = document.createElement("a");
  anchor.href = `${location.pathname}?${query}`;
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
};

async function crosshair(page, measured) {
  const times = await page.evaluate(async () => {
    const front = document.querySelector("[data-card] .front");
    const box = front.getBoundingClientRect();
    const found = [];
    for (let step = 0; step < 60; step += 1) {
      const clientX = box.left + box.width * (0.2 + step * 0.01);
      const event = new PointerEvent("pointermove", { clientX, clientY: box.top + box.height / 2, bubbles: true });
      await new Promise(requestAnimationFrame);
      const start = performance.now();
      front.dispatchEvent(event);
      await new Promise(requestAnimationFrame);
      await new Promise((resolve) => { const { port1, port2 } = new MessageChannel(); port1.onmessage = resolve; port2.postMessage(0); });
      found.push(performance.now() - start);
    }
    return found;
  });
  measured.add("crosshair over all visible charts, a move", { times, goal: 16, note: "a frame of a screen is 16.7 ms" });
}

async function live({ folder, browser, measured, startWriters }) {
  const seconds = 40;
  const path = join(folder, "live.tracklite");
  await withServer(path, async (server) => {
    const tab = await open(browser, server.url);
    const { page } = tab;
    await page.addInitScript(() => {
      window.longTasks = [];
      new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ entryTypes: ["longtask"] });
    });
    const writers = startWriters(path, seconds);
    await new Promise((resolve) => setTimeout(resolve, 8000));
    // Beside these writers something is always on its way, so that the page never settles.
    await page.goto(`${server.url}/ui/runs?o=-attributes.start_time&v=first:16&cc=4`, { waitUntil: "commit" });
    await page.waitForFunction(hasAllCharts, null, { timeout: 60_000 });
    await new Promise((resolve) => setTimeout(resolve, 5000));
    const session = await tab.context.newCDPSession(page);
    const heap = async () => {
      await session.send("HeapProfiler.collectGarbage");
      return (await session.send("Runtime.getHeapUsage")).usedSize;
    };
    const before = await heap();
    await page.evaluate(() => (window.longTasks.length = 0));
    const answers = countBytes(page, "/api/");
    const curves = countBytes(page, "/curves");
    const span = 15;
    await new Promise((resolve) => setTimeout(resolve, span * 1000));
    const bytes = (await answers.stop()).reduce((sum, size) => sum + size, 0);
    const ticks = (await curves.stop()).length;
    const tasks = await page.evaluate(() => window.longTasks);
    const after = await heap();
    measured.add("16 writers with 10,000 points a second each: a second of the page", { bytes: bytes / span, note: `${ticks} answers with curves and ${tasks.length} long tasks in ${span} s, the longest ${Math.round(Math.max(0, ...tasks))} ms` });
    measured.add("memory of the tab, at the end", { bytes: after, wire: 150_000, note: `${Math.round(before / 1e6)} MB at the start` });
    measured.add("memory of the server beside 16 writers", { bytes: memoryOf(server.child), wire: 150_000 });
    await new Promise((resolve) => writers.once("exit", resolve));
    await settled(page);
    await zooms(page, measured, "zoom the charts of 16 runs");
    await tab.close();
  });
}

async function pictures({ folder, browser, measured }) {
  await withServer(join(folder, "many", "runs.tracklite"), async (server) => {
    const tab = await open(browser, server.url);
    await visit(tab, "/ui/runs?tab=media&v=first:0");
    for (const [words, runs, goal] of [["compare 2 runs of 45 keys", 2, 100], ["compare 100 runs of 45 keys", 100, 300]]) {
      const times = [];
      for (let round = 0; round < 5; round += 1) {
        await time(tab.page, goTo, isSettled, "/ui/runs?tab=media&v=first:0");
        times.push(await time(tab.page, goTo, isSettled, `/ui/runs?tab=compare&v=first:${runs}`));
      }
      measured.add(words, { times, goal });
    }
    for (const [words, query, goal] of [["scatter of 100,000 runs", "tab=scatter&sx=metrics.m00&sy=metrics.m01", 300], ["parallel coordinates of 8 axes", "tab=parallel&pa=metrics.m00,metrics.m01,metrics.m02,metrics.m03,metrics.m04,metrics.m05,metrics.m06,metrics.m07", undefined]]) {
      const answers = countBytes(tab.page, "/api/");
      const times = [];
      for (let round = 0; round < 3; round += 1) {
        await time(tab.page, goTo, isSettled, "/ui/runs?tab=media&v=first:0");
        times.push(await time(tab.page, goTo, isSettled, `/ui/runs?${query}&v=first:0`));
      }
      const bytes = (await answers.stop()).reduce((sum, size) => sum + size, 0) / 3;
      measured.add(words, { times, bytes, goal });
    }
    const brush = [];
    for (let round = 0; round < 5; round += 1) brush.push(await time(tab.page, goTo, isSettled, `/ui/runs?tab=parallel&pa=metrics.m00,metrics.m01,metrics.m02,metrics.m03,metrics.m04,metrics.m05,metrics.m06,metrics.m07&v=first:0&br=metrics.m00:0.${round}:0.9`));
    measured.add("parallel coordinates, a brush", { times: brush, goal: 100 });
    await tab.close();
  });
}

export const PARTS = { start, table, keys, long, live, pictures };
