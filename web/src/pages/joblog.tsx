import { useState } from "preact/hooks";
import { address, getTail } from "../api";
import { now } from "../clock";
import { age, bytes, cut, dateTime, duration } from "../format";
import { link } from "../store";
import type { JobTask } from "../types";
import { useLoad } from "../ui/load";
import { Button, ErrorNote } from "../ui/parts";
import { JobState } from "./jobs";

const TAIL = 16 * 1024;

/** The end of what a task printed. */
function Printed({ run }: { run: string }) {
  const { value, error, again } = useLoad((signal) => getTail(address(`runs/${run}/file`, { path: "output.txt" }), TAIL, signal), [], run);
  if (error) return <ErrorNote message={error} retry={again} />;
  if (!value) return null;
  return (
    <div class="printed">
      <p class="note">{value.cut ? `The last ${bytes(TAIL)}. ` : ""}<a href={link(["run", run, "files"], { file: "output.txt" })}>The whole output</a></p>
      <pre class="code boxed" tabIndex={0} role="region" aria-label="Output of the task">{value.text === "" ? "It printed nothing." : value.text}</pre>
    </div>
  );
}

function TaskLine({ task }: { task: JobTask }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <tr>
        <th scope="row"><bdi>{cut(task.key, 80)}</bdi>{task.attempt > 0 ? <span class="faint"> attempt {task.attempt + 1}</span> : null}</th>
        <td><JobState state={task.state} /></td>
        <td title={dateTime(task.started)}>{task.started === null ? "" : `${age(now.value - task.started)} ago`}</td>
        <td class="numeric">{task.started !== null && task.ended !== null ? duration(task.ended - task.started) : ""}</td>
        <td><span class="bad"><bdi>{cut(task.message, 200)}</bdi></span></td>
        <td>{task.log ? <Button label={`Output of ${cut(task.key, 60)}`} words="Output" pressed={open} onClick={() => setOpen(!open)} /> : null}</td>
      </tr>
      {open && task.log ? <tr class="inner"><td colSpan={6}><Printed run={task.log} /></td></tr> : null}
    </>
  );
}

/** The attempts at the tasks of a run, with what they printed. */
export function TaskLines({ tasks }: { tasks: readonly JobTask[] }) {
  if (tasks.length === 0) return <p class="note">No task has begun.</p>;
  return (
    <table class="list compact">
      <thead><tr><th>Task</th><th>State</th><th>Began</th><th class="numeric">Took</th><th>Message</th><th><span class="hidden">Output</span></th></tr></thead>
      <tbody>{tasks.map((task, at) => <TaskLine key={at} task={task} />)}</tbody>
    </table>
  );
}
