import { useState } from "preact/hooks";
import { getJson, messageOf, sendJson } from "../api";
import { now } from "../clock";
import { file, readOnlyReason } from "../file";
import { age, cut, dateTime, duration, plural } from "../format";
import { registryTick } from "../live";
import { edits } from "../runs/edit";
import { quoteText } from "../runs/names";
import { link, place, query, setQuery } from "../store";
import type { Job, JobHistory, JobRun } from "../types";
import { useLoad } from "../ui/load";
import { Button, Empty, ErrorNote, Field, Icon } from "../ui/parts";
import { toast } from "../ui/toast";
import { TaskLines } from "./joblog";

/** The icon of a state. States without one did not end well. */
const ICONS: Record<string, string> = { SUCCESS: "finished", SUCCESS_WITH_FAILURES: "finished", RUNNING: "running", QUEUED: "scheduled", CANCELING: "killed", CANCELED: "killed", EXCLUDED: "scheduled", DISABLED: "scheduled", UPSTREAM_CANCELED: "killed" };

const wordsOf = (state: string) => state.toLowerCase().replaceAll("_", " ");

export function JobState({ state, words = true }: { state: string; words?: boolean }) {
  const icon = ICONS[state] ?? "failed";
  return <span class={`health health-${icon}`} title={wordsOf(state)}><Icon name={`health-${icon}`} {...(words ? {} : { title: wordsOf(state) })} />{words ? <span>{wordsOf(state)}</span> : null}</span>;
}

function When({ job }: { job: Job }) {
  if (job.trigger === null) return <span class="faint">on request</span>;
  return (
    <>
      <bdi>{cut(job.words, 120)}</bdi>
      {job.zone ? <span class="faint"> {cut(job.zone, 40)}</span> : null}
      {job.paused ? <span class="chip warn">paused</span> : null}
    </>
  );
}

const inWords = (time: number) => (time > now.value ? `in ${age(time - now.value)}` : "due");

function tookOf({ started, created, ended }: JobRun): string {
  return ended === null ? "" : duration(ended - (started ?? created));
}

function JobLine({ job }: { job: Job }) {
  const [last] = job.runs;
  const [next] = job.next;
  return (
    <tr>
      <th scope="row"><a href={link(["jobs", String(job.id)])} title={cut(job.name, 1000)}><bdi>{cut(job.name, 60)}</bdi></a></th>
      <td><When job={job} /></td>
      <td class="numeric" title={dateTime(next)}>{next === undefined ? "" : inWords(next)}</td>
      <td>{last ? <><JobState state={last.state} /> <span class="faint">{age(now.value - (last.ended ?? last.created))} ago</span></> : <span class="faint">never ran</span>}</td>
      <td><span class="marks">{[...job.runs].reverse().map((run) => <JobState key={run.id} state={run.state} words={false} />)}</span></td>
      <td><bdi>{cut(job.creator, 40)}</bdi></td>
    </tr>
  );
}

function NoJobs() {
  return (
    <Empty icon="jobs" title="No jobs yet">
      <p>A job runs programs by the clock, after events or on request. Create one from its settings:</p>
      <pre class="snippet">{`tracklite jobs create ${file.value?.name ?? "runs.tracklite"} settings.json`}</pre>
    </Empty>
  );
}

function JobList() {
  const search = query.value.get("q") ?? "";
  const { value, error, again } = useLoad((signal) => getJson<{ jobs: Job[] }>("jobs", {}, signal), [registryTick.value, edits.value]);
  if (error && !value) return <ErrorNote message={error} retry={again} />;
  if (!value) return null;
  if (value.jobs.length === 0) return <NoJobs />;
  const found = value.jobs.filter(({ name }) => name.toLowerCase().includes(search.toLowerCase()));
  return (
    <div class="page">
      <div class="bar">
        <h2>Jobs</h2>
        <Field value={search} label="Filter jobs" icon="search" onInput={(text) => setQuery("q", text, true)} />
        <span class="fact">{plural(value.jobs.length, "job")}</span>
      </div>
      {error ? <ErrorNote message={error} retry={again} /> : null}
      <div class="scroll" tabIndex={0} role="region" aria-label="Jobs">
        <table class="list">
          <thead><tr><th>Job</th><th>Runs</th><th class="numeric">Next</th><th>Last result</th><th>History</th><th>Owner</th></tr></thead>
          <tbody>{found.slice(0, 1000).map((job) => <JobLine key={job.id} job={job} />)}</tbody>
        </table>
        {found.length === 0 ? <Empty icon="search" title="No job matches" /> : null}
      </div>
    </div>
  );
}

/** Changes a job or its runs. A refusal is shown with the server's words. */
function useAct(): [string | null, (words: string, work: () => Promise<unknown>) => void] {
  const [problem, setProblem] = useState<string | null>(null);
  const act = (words: string, work: () => Promise<unknown>) => {
    setProblem(null);
    work().then(() => (toast(words), (edits.value += 1)), (error) => setProblem(messageOf(error)));
  };
  return [problem, act];
}

function RunLine({ run, act, reason }: { run: JobRun; act: ReturnType<typeof useAct>[1]; reason: string | null }) {
  const [open, setOpen] = useState(false);
  const isOver = run.ended !== null;
  const made = link(["runs"], { f: `tags.\`mlflow.databricks.jobRunID\` = ${quoteText(String(run.id))}` });
  const cancel = () => act(`Canceled run ${run.number}`, () => sendJson("POST", "../2.2/jobs/runs/cancel", { run_id: run.id }));
  return (
    <>
      <tr>
        <th scope="row">
          <button type="button" class="expander" aria-expanded={open} aria-label={`Tasks of run ${run.number}`} onClick={() => setOpen(!open)}><Icon name="chevron" /></button>
          <span>Run {run.number}</span>
        </th>
        <td><JobState state={run.state} /></td>
        <td title={dateTime(run.created)}>{age(now.value - run.created)} ago</td>
        <td class="numeric">{tookOf(run)}</td>
        <td class="faint">{wordsOf(run.trigger)}</td>
        <td><bdi>{cut(run.user, 40)}</bdi></td>
        <td><span class="bad"><bdi>{cut(run.message, 120)}</bdi></span></td>
        <td class="row-actions wide">
          <a class="button" href={made}>Its runs</a>
          {isOver ? null : <Button label={`Cancel run ${run.number}`} words="Cancel" disabled={reason !== null} reason={reason ?? ""} onClick={cancel} />}
        </td>
      </tr>
      {open ? <tr class="inner"><td colSpan={8}><TaskLines tasks={run.tasks} /></td></tr> : null}
    </>
  );
}

function Facts({ job }: { job: Job }) {
  return (
    <dl class="facts">
      <div><dt>Runs</dt><dd><When job={job} /></dd></div>
      <div><dt>Owner</dt><dd><bdi>{cut(job.creator, 40)}</bdi></dd></div>
      <div><dt>Tasks</dt><dd>{job.tasks}</dd></div>
      {job.next.length > 0 ? <div><dt>Next</dt><dd class="next-fires">{job.next.map((time) => <time key={time} dateTime={new Date(time).toISOString()} title={dateTime(time)}>{dateTime(time).slice(5, 16)} <span class="faint">{inWords(time)}</span></time>)}</dd></div> : null}
    </dl>
  );
}

function Actions({ job, act, reason }: { job: Job; act: ReturnType<typeof useAct>[1]; reason: string | null }) {
  const runNow = () => act(`Asked for a run of ${job.name}`, () => sendJson("POST", "../2.2/jobs/run-now", { job_id: job.id }));
  const flip = () => act(job.paused ? "The schedule continues" : "The schedule is paused", () => sendJson("POST", `jobs/${job.id}/pause`, { paused: !job.paused }));
  return (
    <>
      <Button label="Run it now" words="Run now" class="primary" disabled={reason !== null} reason={reason ?? ""} onClick={runNow} />
      {job.trigger === null ? null : <Button label={job.paused ? "Let the schedule continue" : "Pause the schedule"} words={job.paused ? "Continue" : "Pause"} disabled={reason !== null} reason={reason ?? ""} onClick={flip} />}
    </>
  );
}

function JobPage({ id }: { id: string }) {
  const { value, error, status, again } = useLoad((signal) => getJson<JobHistory>(`jobs/${encodeURIComponent(id)}`, {}, signal), [registryTick.value, edits.value], id);
  const [problem, act] = useAct();
  if (error && status === 404) return <Empty icon="jobs" title="No such job"><p>No job has the id <code>{cut(id, 60)}</code>. <a href={link(["jobs"])}>All jobs</a></p></Empty>;
  if (!value) return error ? <ErrorNote message={error} retry={again} /> : null;
  const { job, settings, more } = value;
  const reason = readOnlyReason(file.value);
  const made = link(["runs"], { f: `tags.\`mlflow.databricks.jobID\` = ${quoteText(String(job.id))}` });
  return (
    <div class="page">
      <div class="bar">
        <a class="button bare" href={link(["jobs"])} aria-label="All jobs" title="All jobs"><Icon name="back" /></a>
        <h2><bdi>{cut(job.name, 200)}</bdi></h2>
        <span class="spacer" />
        <a class="button" href={made}>Runs that it made</a>
        <Actions job={job} act={act} reason={reason} />
      </div>
      {problem ? <ErrorNote message={problem} /> : null}
      {error ? <ErrorNote message={error} retry={again} /> : null}
      <div class="scroll padded" tabIndex={0} role="region" aria-label="History of the job">
        <Facts job={job} />
        <section>
          <h3>History</h3>
          {job.runs.length === 0 ? <Empty icon="jobs" title="It never ran"><p>Its runs appear here with their tasks and what they printed.</p></Empty> : (
            <table class="list compact">
              <thead><tr><th>Run</th><th>State</th><th>Created</th><th class="numeric">Took</th><th>Because of</th><th>User</th><th>Message</th><th><span class="hidden">Actions</span></th></tr></thead>
              <tbody>{job.runs.map((run) => <RunLine key={run.id} run={run} act={act} reason={reason} />)}</tbody>
            </table>
          )}
          {more ? <p class="note">The newest {job.runs.length} runs. <code>tracklite jobs logs</code> has earlier ones.</p> : null}
        </section>
        <section><h3>Settings</h3><pre class="code boxed" tabIndex={0} role="region" aria-label="Settings of the job">{cut(JSON.stringify(settings, null, 2), 100_000)}</pre></section>
      </div>
    </div>
  );
}

/** The jobs of the file: the list, or one of them. */
export function Jobs() {
  const id = place.value.path[1] ?? "";
  return id === "" ? <JobList /> : <JobPage id={id} />;
}
