//! The next steps of a run: a pure function of its settings, its attempts and the time.

use std::collections::HashMap;

use serde_json::Value;

use crate::entity::id::Timestamp;
use crate::entity::{
    ConditionWork, ForEachWork, JobAttempt, JobOutput, JobResult, JobRunInfo, JobSettings, JobTask,
};
use crate::job::values::Scope;

/// The most iterations of a loop.
const ITERATIONS_MAX: usize = 5000;

/// A step of a run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// Begins an attempt.
    Start(Place),
    /// Begins an attempt that is a run of another job.
    Call(Place),
    /// Ends a task that needs no process.
    Settle { place: Place, result: JobResult, message: String, output: JobOutput },
    /// Makes the run end early.
    Cancel(JobResult),
    /// Ends the run.
    End { result: JobResult, message: String },
}

/// The place of an attempt in its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) task: String,
    pub(crate) number: u32,
    pub(crate) repair: u32,
}

/// The steps that are possible now, and when more will be.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) wake: Option<Timestamp>,
}

/// The state of a task.
#[derive(Clone, Debug)]
enum State<'a> {
    /// It may begin at this time, or at once.
    Ready(Place, Option<Timestamp>),
    Running,
    Done(JobResult, Option<&'a JobAttempt>),
}

/// Returns the next steps of a run that has not ended.
pub(crate) fn plan(run: &JobRunInfo, settings: &JobSettings, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    if let Some(limit) = time_limit(run, settings) {
        if limit <= now && run.canceled.is_none() {
            plan.steps.push(Step::Cancel(JobResult::TimedOut));
            return plan;
        }
        plan.wake_at(limit);
    }
    let only = only_tasks(run);
    let states: HashMap<&str, State<'_>> = settings
        .tasks
        .iter()
        .map(|task| (task.task_key.as_str(), state(run, task, &task.task_key)))
        .collect();
    for task in &settings.tasks {
        let is_chosen = only.as_ref().is_none_or(|only| only.contains(&task.task_key));
        if let Some(State::Ready(place, at)) = states.get(task.task_key.as_str()) {
            let place = place.clone();
            let planned = Planned { run, settings, states: &states, now };
            match () {
                () if run.canceled.is_some() => plan.settle(place, canceled(run)),
                () if task.disabled || !is_chosen => plan.settle(place, JobResult::Disabled),
                () => planned.begin(&mut plan, task, place, *at),
            }
        }
    }
    let results: Option<Vec<JobResult>> =
        settings.tasks.iter().map(|task| done(&states, &task.task_key)).collect();
    let is_idle = run.attempts.iter().all(|attempt| attempt.end.is_some());
    if let Some(results) = results.filter(|_| is_idle) {
        plan.steps.push(end(run, settings, &results));
    }
    plan
}

/// The things that decide about a task.
struct Planned<'a> {
    run: &'a JobRunInfo,
    settings: &'a JobSettings,
    states: &'a HashMap<&'a str, State<'a>>,
    now: Timestamp,
}

impl Planned<'_> {
    /// Adds the steps of a task that has not begun, or that is repeated.
    fn begin(&self, plan: &mut Plan, task: &JobTask, place: Place, at: Option<Timestamp>) {
        if at.is_none() {
            match self.condition_of(task) {
                Some(None) => {}
                Some(Some(result)) => return plan.settle(place, result),
                None => return,
            }
        }
        if let Some(at) = at.filter(|at| *at > self.now) {
            return plan.wake_at(at);
        }
        match (&task.work.condition_task, &task.work.for_each_task) {
            (Some(condition), _) => self.compare(plan, condition, place),
            (_, Some(each)) => self.iterate(plan, each, place),
            _ => plan.steps.push(started(task, place)),
        }
    }

    /// Returns `None` while the tasks before it run, `Some(None)` if it may begin, or the result
    /// with which it is left out.
    fn condition_of(&self, task: &JobTask) -> Option<Option<JobResult>> {
        let mut results = Vec::new();
        for dependency in &task.depends_on {
            let State::Done(result, attempt) = self.states.get(dependency.task_key.as_str())?
            else {
                return None;
            };
            results.push(match &dependency.outcome {
                Some(wanted) if outcome_of(*attempt).as_deref() != Some(wanted) => {
                    if result.is_good() { JobResult::Excluded } else { *result }
                }
                _ => *result,
            });
        }
        Some(left_out(task.run_if.as_deref().unwrap_or("ALL_SUCCESS"), &results))
    }

    fn compare(&self, plan: &mut Plan, condition: &ConditionWork, place: Place) {
        let scope = Scope::new(self.settings, self.run, &place.task);
        let sides = scope.resolved(&condition.left);
        let sides = sides.and_then(|left| Ok((left, scope.resolved(&condition.right)?)));
        let outcome = match sides {
            Ok((left, right)) => compared(&condition.op, &left, &right),
            Err(error) => Err(error.message().to_owned()),
        };
        match outcome {
            Ok(outcome) => {
                let mut output = JobOutput::default();
                output.values.insert("result".to_owned(), Value::from(outcome.to_string()));
                let (result, message) = (JobResult::Success, String::new());
                plan.steps.push(Step::Settle { place, result, message, output });
            }
            Err(message) => plan.fail(place, message),
        }
    }

    fn iterate(&self, plan: &mut Plan, each: &ForEachWork, place: Place) {
        let inputs = match inputs(&Scope::new(self.settings, self.run, &place.task), each) {
            Ok(inputs) => inputs,
            Err(message) => return plan.fail(place, message),
        };
        let (mut running, mut results) = (0, Vec::new());
        let most = each.concurrency.unwrap_or(1).max(1);
        for index in 0..inputs.len() {
            let key = format!("{}[{index}]", place.task);
            match state(self.run, &each.task, &key) {
                State::Done(result, _) => results.push(result),
                State::Running => running += 1,
                State::Ready(_, Some(at)) if at > self.now => {
                    running += 1;
                    plan.wake_at(at);
                }
                State::Ready(ready, _) if running < most => {
                    running += 1;
                    plan.steps.push(started(&each.task, ready));
                }
                State::Ready(..) => {}
            }
        }
        if results.len() == inputs.len() {
            let failed = results.iter().filter(|result| !result.is_good()).count();
            match failed {
                0 => plan.settle(place, JobResult::Success),
                _ => plan.fail(place, format!("{failed} of {} iterations failed", inputs.len())),
            }
        }
    }
}

impl Plan {
    fn wake_at(&mut self, time: Timestamp) {
        self.wake = Some(self.wake.map_or(time, |wake| wake.min(time)));
    }

    fn settle(&mut self, place: Place, result: JobResult) {
        let (message, output) = (String::new(), JobOutput::default());
        self.steps.push(Step::Settle { place, result, message, output });
    }

    fn fail(&mut self, place: Place, message: String) {
        let (result, output) = (JobResult::Failed, JobOutput::default());
        self.steps.push(Step::Settle { place, result, message, output });
    }
}

/// Returns the step that begins an attempt at a task.
fn started(task: &JobTask, place: Place) -> Step {
    if task.work.run_job_task.is_some() { Step::Call(place) } else { Step::Start(place) }
}

/// Returns the inputs of a loop.
pub(crate) fn inputs(scope: &Scope<'_>, each: &ForEachWork) -> Result<Vec<Value>, String> {
    let text = scope.resolved(&each.inputs).map_err(|error| error.message().to_owned())?;
    let inputs: Vec<Value> = serde_json::from_str(&text)
        .map_err(|_| format!("the inputs of the loop are {text:?}, expected a JSON array"))?;
    if inputs.len() > ITERATIONS_MAX {
        let found = inputs.len();
        return Err(format!("the loop has {found} inputs, at most {ITERATIONS_MAX} are allowed"));
    }
    Ok(inputs)
}

fn state<'a>(run: &'a JobRunInfo, task: &JobTask, key: &str) -> State<'a> {
    let name = key.split('[').next().unwrap_or(key);
    let is_repaired = |repair: &&crate::entity::JobRepair| repair.tasks.iter().any(|t| t == name);
    let repairs = run.repairs.len();
    let back = run.repairs.iter().rev().take_while(|repair| !is_repaired(repair)).count();
    let first = u32::try_from(repairs - back).unwrap_or(u32::MAX);
    let mut attempts = run.attempts.iter().rev();
    let last = attempts.find(|attempt| attempt.task == key && attempt.repair >= first);
    let place = |number: u32, repair| Place { task: key.to_owned(), number, repair };
    let Some(last) = last else {
        return State::Ready(place(0, u32::try_from(repairs).unwrap_or(u32::MAX)), None);
    };
    let Some(end) = &last.end else { return State::Running };
    let is_repeated = run.canceled.is_none()
        && last.started.is_some()
        && (matches!(end.result, JobResult::Failed | JobResult::InternalError)
            || (end.result == JobResult::TimedOut && task.retry_on_timeout))
        && (task.max_retries < 0 || i64::from(last.number) < task.max_retries);
    if !is_repeated {
        return State::Done(end.result, Some(last));
    }
    let pause = i64::try_from(task.min_retry_interval_millis).unwrap_or(i64::MAX);
    let nanos = end.time.as_nanos().saturating_add(pause.saturating_mul(1_000_000));
    let place = place(last.number.saturating_add(1), last.repair);
    State::Ready(place, Some(Timestamp::from_nanos(nanos)))
}

fn done(states: &HashMap<&str, State<'_>>, key: &str) -> Option<JobResult> {
    match states.get(key)? {
        State::Done(result, _) => Some(*result),
        _ => None,
    }
}

/// Returns the outcome of a condition.
fn outcome_of(attempt: Option<&JobAttempt>) -> Option<String> {
    let end = attempt?.end.as_ref()?;
    end.output.values.get("result")?.as_str().map(str::to_owned)
}

fn canceled(run: &JobRunInfo) -> JobResult {
    run.canceled.unwrap_or(JobResult::Canceled)
}

/// Returns the tasks to which the request restricts the run.
fn only_tasks(run: &JobRunInfo) -> Option<Vec<String>> {
    let request: Value = serde_json::from_str(&run.request).ok()?;
    let only = request.get("only")?.as_array()?;
    Some(only.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Returns the time at which the run must have ended.
fn time_limit(run: &JobRunInfo, settings: &JobSettings) -> Option<Timestamp> {
    let seconds = i64::try_from(settings.timeout_seconds).ok().filter(|seconds| *seconds > 0)?;
    let begin = run.repairs.last().map(|repair| repair.time).or(run.started)?;
    let nanos = begin.as_nanos().saturating_add(seconds.saturating_mul(1_000_000_000));
    Some(Timestamp::from_nanos(nanos))
}

/// Returns the result with which a task is left out, or `None` if its condition is met.
fn left_out(run_if: &str, results: &[JobResult]) -> Option<JobResult> {
    let is_out = |result: &JobResult| matches!(result, JobResult::Excluded | JobResult::Disabled);
    if !results.is_empty() && results.iter().all(is_out) {
        return Some(JobResult::Excluded);
    }
    let is_bad = |result: &JobResult| !result.is_good();
    let is_success = |result: &JobResult| result.is_good() && !is_out(result);
    let is_met = match run_if {
        "ALL_DONE" => true,
        "AT_LEAST_ONE_SUCCESS" => results.iter().any(is_success),
        "NONE_FAILED" => !results.iter().any(is_bad) && results.iter().any(is_success),
        "AT_LEAST_ONE_FAILED" => results.iter().any(is_bad),
        "ALL_FAILED" => results.iter().all(is_bad),
        _ => !results.iter().any(is_bad),
    };
    let is_canceled =
        |result: &JobResult| matches!(result, JobResult::Canceled | JobResult::UpstreamCanceled);
    match run_if {
        _ if is_met || results.is_empty() => None,
        "ALL_SUCCESS" if results.iter().any(|result| result.is_failure()) => {
            Some(JobResult::UpstreamFailed)
        }
        "ALL_SUCCESS" if results.iter().any(is_canceled) => Some(JobResult::UpstreamCanceled),
        _ => Some(JobResult::Excluded),
    }
}

fn compared(op: &str, left: &str, right: &str) -> Result<bool, String> {
    if op == "EQUAL_TO" || op == "NOT_EQUAL" {
        return Ok((left == right) == (op == "EQUAL_TO"));
    }
    let number = |text: &str| -> Result<f64, String> {
        let number = text.trim().parse();
        number.map_err(|_| format!("the condition compares {text:?}, expected a number"))
    };
    let (left, right) = (number(left)?, number(right)?);
    Ok(match op {
        "GREATER_THAN" => left > right,
        "GREATER_THAN_OR_EQUAL" => left >= right,
        "LESS_THAN" => left < right,
        _ => left <= right,
    })
}

/// Returns the end of a run whose tasks have these results, by those that no other task follows.
fn end(run: &JobRunInfo, settings: &JobSettings, results: &[JobResult]) -> Step {
    if let Some(result) = run.canceled {
        let message = match result {
            JobResult::TimedOut => "the run took longer than its timeout".to_owned(),
            _ => "the run was canceled".to_owned(),
        };
        return Step::End { result, message };
    }
    let is_leaf = |key: &str| {
        !settings.tasks.iter().flat_map(|task| &task.depends_on).any(|other| other.task_key == key)
    };
    let all = || settings.tasks.iter().zip(results);
    let leaves = || all().filter(|(task, _)| is_leaf(&task.task_key));
    let failed = |result: &JobResult| !result.is_good();
    let worst = [JobResult::InternalError, JobResult::TimedOut, JobResult::Canceled];
    let result = match leaves().find(|(_, result)| failed(result)) {
        Some(_) => {
            let is_one = |wanted: &JobResult| leaves().any(|(_, result)| result == wanted);
            worst.into_iter().find(is_one).unwrap_or(JobResult::Failed)
        }
        None if results.iter().any(failed) => JobResult::SuccessWithFailures,
        None => JobResult::Success,
    };
    let first = all().find(|(_, result)| failed(result) && !is_upstream(**result));
    let message = first.map(|(task, result)| {
        let last = run.attempts.iter().rev().find(|attempt| attempt.task == task.task_key);
        let reason = last.and_then(|attempt| attempt.end.as_ref()).map(|end| end.message.as_str());
        let reason = reason.filter(|reason| !reason.is_empty()).unwrap_or(result.as_str());
        format!("Task {} failed with message: {reason}", task.task_key)
    });
    Step::End { result, message: message.unwrap_or_default() }
}

fn is_upstream(result: JobResult) -> bool {
    matches!(result, JobResult::UpstreamFailed | JobResult::UpstreamCanceled)
}
