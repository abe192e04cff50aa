import { getJson } from "../api";
import { now } from "../clock";
import { age, cut, dateTime, number, plural } from "../format";
import { registryTick } from "../live";
import { link, place, query, setQuery } from "../store";
import type { Endpoint, EndpointCounters, EndpointFacts, Served } from "../types";
import { useLoad } from "../ui/load";
import { Empty, ErrorNote, Field, Icon } from "../ui/parts";
import { HowToCall, RecentRequests, TestCall } from "./calling";
import { LineageGraph } from "./lineage";

/** The counters of an endpoint, summed over its served models. */
interface Sums {
  requests: number;
  refused: number;
  failed: number;
}

function sumsOf(counters: readonly EndpointCounters[]): Sums {
  const sum = (part: (one: EndpointCounters) => number) => counters.reduce((total, one) => total + part(one), 0);
  return { requests: sum((one) => one.requests), refused: sum((one) => one.refused), failed: sum((one) => one.failed) };
}

/** Says in words whether an endpoint answers, and what happens to its configuration. */
function State({ endpoint }: { endpoint: Endpoint }) {
  const { ready, config_update: update } = endpoint.state;
  const icon = update === "UPDATE_FAILED" ? "failed" : ready === "READY" ? "running" : "scheduled";
  const words = ready === "READY" ? "ready" : update === "UPDATE_FAILED" ? "not ready" : "loading";
  return (
    <>
      <span class={`health health-${icon}`} title={words}><Icon name={`health-${icon}`} /><span>{words}</span></span>
      {update === "IN_PROGRESS" && ready === "READY" ? <span class="chip">updating</span> : null}
      {update === "UPDATE_FAILED" ? <span class="chip warn">update failed</span> : null}
    </>
  );
}

export const configOf = (endpoint: Endpoint) => endpoint.config ?? endpoint.pending_config ?? null;

function shareOf(endpoint: Endpoint, served: Served): number {
  const routes = configOf(endpoint)?.traffic_config.routes ?? [];
  return routes.filter((route) => route.served_entity_name === served.name).reduce((sum, route) => sum + route.traffic_percentage, 0);
}

function ModelLink({ served }: { served: Served }) {
  return <a href={link(["models", served.entity_name], { v: served.entity_version })}><bdi>{cut(served.entity_name, 60)}</bdi> {served.entity_version}</a>;
}

/** The shares of the traffic as a bar with words. */
function Split({ endpoint }: { endpoint: Endpoint }) {
  const models = configOf(endpoint)?.served_entities ?? [];
  return (
    <span class="split">
      {models.map((served) => <span key={served.name}>{models.length > 1 || served.shadow ? <b>{served.shadow ? "copy" : `${shareOf(endpoint, served)} %`}</b> : null} <ModelLink served={served} /></span>)}
    </span>
  );
}

const milliseconds = (value: number | null | undefined) => (value === null || value === undefined ? "" : `${number(value, 3)} ms`);
const bound = (value: number | null, requests: number) => (requests === 0 ? "" : value === null ? "longer" : `≤ ${number(value, 3)} ms`);

function Line({ endpoint, counters }: { endpoint: Endpoint; counters: readonly EndpointCounters[] }) {
  const { requests, refused, failed } = sumsOf(counters);
  const slowest = counters.filter((one) => one.requests > 0);
  return (
    <tr>
      <th scope="row"><a href={link(["serving", endpoint.name])}><bdi>{cut(endpoint.name, 80)}</bdi></a></th>
      <td><State endpoint={endpoint} /></td>
      <td><Split endpoint={endpoint} /></td>
      <td class="numeric">{number(requests)}</td>
      <td class="numeric">{refused > 0 ? number(refused) : <span class="faint">0</span>}</td>
      <td class="numeric">{failed > 0 ? <span class="bad">{number(failed)}</span> : <span class="faint">0</span>}</td>
      <td class="numeric">{slowest.length === 1 ? bound(slowest[0]?.p95 ?? null, requests) : ""}</td>
      <td class="numeric" title={dateTime(endpoint.last_updated_timestamp)}>{age(now.value - endpoint.last_updated_timestamp)} ago</td>
    </tr>
  );
}

interface Everything {
  endpoints: Endpoint[];
  counters: Map<string, EndpointCounters[]>;
}

async function loadAll(signal: AbortSignal): Promise<Everything> {
  const [{ endpoints }, counted] = await Promise.all([
    getJson<{ endpoints: Endpoint[] }>("../2.0/serving-endpoints", {}, signal),
    getJson<{ endpoints: { name: string; counters: EndpointCounters[] }[] }>("endpoints", {}, signal),
  ]);
  return { endpoints, counters: new Map(counted.endpoints.map(({ name, counters }) => [name, counters])) };
}

function NoEndpoints() {
  return (
    <Empty icon="serving" title="No endpoints yet">
      <p>An endpoint answers requests with versions of registered models. Create one for an alias:</p>
      <pre class="snippet">{"tracklite endpoints create FILE churn -m models:/churn@champion"}</pre>
    </Empty>
  );
}

function EndpointList() {
  const search = query.value.get("q") ?? "";
  // Requests leave no trace in the file, so their counters are read again with the clock.
  const { value, error, again } = useLoad(loadAll, [registryTick.value, now.value]);
  if (error && !value) return <ErrorNote message={error} retry={again} />;
  if (!value) return null;
  if (value.endpoints.length === 0) return <NoEndpoints />;
  const found = value.endpoints.filter(({ name }) => name.toLowerCase().includes(search.toLowerCase()));
  return (
    <div class="page">
      <div class="bar">
        <h2>Serving</h2>
        <Field value={search} label="Filter endpoints" icon="search" onInput={(text) => setQuery("q", text, true)} />
        <span class="fact">{plural(value.endpoints.length, "endpoint")}</span>
      </div>
      {error ? <ErrorNote message={error} retry={again} /> : null}
      <div class="scroll" tabIndex={0} role="region" aria-label="Endpoints">
        <table class="list">
          <thead><tr><th>Endpoint</th><th>State</th><th>Serves</th><th class="numeric">Requests</th><th class="numeric">4xx</th><th class="numeric">5xx</th><th class="numeric">95 %</th><th class="numeric">Changed</th></tr></thead>
          <tbody>{found.slice(0, 1000).map((endpoint) => <Line key={endpoint.name} endpoint={endpoint} counters={value.counters.get(endpoint.name) ?? []} />)}</tbody>
        </table>
        {found.length === 0 ? <Empty icon="search" title="No endpoint matches" /> : null}
      </div>
    </div>
  );
}

const DEPLOYED: Record<string, string> = { DEPLOYMENT_READY: "ready", DEPLOYMENT_CREATING: "loading", DEPLOYMENT_RECOVERING: "recovering", DEPLOYMENT_FAILED: "failed" };

function ServedTable({ endpoint, counters }: { endpoint: Endpoint; counters: readonly EndpointCounters[] }) {
  const models = configOf(endpoint)?.served_entities ?? [];
  return (
    <table class="list compact">
      <thead><tr><th>Served model</th><th>Version</th><th class="numeric">Share</th><th>State</th><th class="numeric">Requests</th><th class="numeric">4xx</th><th class="numeric">5xx</th><th class="numeric">Mean</th><th class="numeric">50 %</th><th class="numeric">95 %</th><th class="numeric">99 %</th><th class="numeric">Processes</th></tr></thead>
      <tbody>
        {models.map((served) => {
          const one = counters.find(({ entity }) => entity === served.name);
          const requests = one?.requests ?? 0;
          return (
            <tr key={served.name}>
              <th scope="row"><bdi>{cut(served.name, 60)}</bdi></th>
              <td><ModelLink served={served} />{served.alias ? <span class="alias"><bdi>{cut(served.alias, 30)}</bdi></span> : null}</td>
              <td class="numeric">{served.shadow ? <span title="It gets copies. Its answers are not returned.">copy</span> : `${shareOf(endpoint, served)} %`}</td>
              <td title={cut(served.state.deployment_state_message, 1000)}>{DEPLOYED[served.state.deployment] ?? served.state.deployment} <span class="faint">{cut(served.state.deployment_state_message, 60)}</span></td>
              <td class="numeric">{number(requests)}</td>
              <td class="numeric">{number(one?.refused ?? 0)}</td>
              <td class="numeric">{one && one.failed > 0 ? <span class="bad">{number(one.failed)}</span> : 0}</td>
              <td class="numeric">{milliseconds(one?.mean)}</td>
              <td class="numeric">{bound(one?.p50 ?? null, requests)}</td>
              <td class="numeric">{bound(one?.p95 ?? null, requests)}</td>
              <td class="numeric">{bound(one?.p99 ?? null, requests)}</td>
              <td class="numeric" title={one ? `${plural(one.waiting, "request")} waiting, ${plural(one.cold_starts, "cold start")}, ${plural(one.deaths, "death")}` : ""}>{one?.workers ?? 0}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

async function loadOne(name: string, signal: AbortSignal): Promise<{ endpoint: Endpoint; facts: EndpointFacts }> {
  const part = encodeURIComponent(name);
  const [endpoint, facts] = await Promise.all([getJson<Endpoint>(`../2.0/serving-endpoints/${part}`, {}, signal), getJson<EndpointFacts>(`endpoints/${part}`, {}, signal)]);
  return { endpoint, facts };
}

function EndpointPage({ name }: { name: string }) {
  const { value, error, status, again } = useLoad((signal) => loadOne(name, signal), [registryTick.value, now.value], name);
  if (error && status === 404) return <Empty icon="serving" title="No such endpoint"><p>No endpoint is named <code>{cut(name, 100)}</code>. <a href={link(["serving"])}>All endpoints</a></p></Empty>;
  if (!value) return error ? <ErrorNote message={error} retry={again} /> : null;
  const { endpoint, facts } = value;
  const pending = endpoint.config && endpoint.pending_config;
  return (
    <div class="page">
      <div class="bar">
        <a class="button bare" href={link(["serving"])} aria-label="All endpoints" title="All endpoints"><Icon name="back" /></a>
        <h2><bdi>{cut(name, 200)}</bdi></h2>
        <State endpoint={endpoint} />
        <span class="spacer" />
        <span class="fact" title={dateTime(endpoint.last_updated_timestamp)}>{configOf(endpoint) ? `configuration ${configOf(endpoint)?.config_version}, ` : ""}changed {age(now.value - endpoint.last_updated_timestamp)} ago by <bdi>{cut(endpoint.creator, 40)}</bdi></span>
      </div>
      {error ? <ErrorNote message={error} retry={again} /> : null}
      {facts.failure ? <ErrorNote message={cut(facts.failure, 2000)} /> : null}
      <div class="scroll padded" tabIndex={0} role="region" aria-label="Endpoint">
        {endpoint.description ? <p>{cut(endpoint.description, 1000)}</p> : null}
        <section>
          <h3>Served models</h3>
          {configOf(endpoint) ? <ServedTable endpoint={endpoint} counters={facts.counters} /> : <p class="note">No configuration was loaded yet.</p>}
          {pending ? <p class="note">Configuration {pending.config_version} is being loaded. Until then the one above answers.</p> : null}
          <p class="note">Counters begin when this server loads a model. Quantiles are upper bounds.</p>
        </section>
        <TestCall facts={facts} isReady={endpoint.state.ready === "READY"} />
        <HowToCall facts={facts} />
        <RecentRequests table={facts.table} />
        <section><h3>Lineage</h3><div class="lineage-box"><LineageGraph kind="endpoint" id={name} /></div></section>
      </div>
    </div>
  );
}

/** The endpoints of the file: the list, or one of them. */
export function Serving() {
  const name = place.value.path[1] ?? "";
  return name === "" ? <EndpointList /> : <EndpointPage name={name} />;
}
