//! References in the settings of tasks, such as `{{job.parameters.rate}}`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::entity::wording::invalid;
use crate::entity::{JobRunInfo, JobSettings};
use crate::error::Result;

/// The parts of a time that a reference may name.
const TIME_PARTS: &[&str] = &[
    "iso_date",
    "iso_datetime",
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "second",
    "timestamp_ms",
    "iso_weekday",
    "is_weekday",
];

/// The things that the references of a task may name.
pub(crate) struct Scope<'a> {
    pub(crate) settings: &'a JobSettings,
    pub(crate) run: &'a JobRunInfo,
    /// The values of the parameters of the job.
    pub(crate) parameters: BTreeMap<String, String>,
    /// The key of the task.
    pub(crate) task: String,
    /// The input of the iteration.
    pub(crate) input: Option<Value>,
}

impl<'a> Scope<'a> {
    /// Returns the scope of a task, with the parameters of the run.
    pub(crate) fn new(settings: &'a JobSettings, run: &'a JobRunInfo, task: &str) -> Scope<'a> {
        let mut scope = Scope {
            settings,
            run,
            parameters: BTreeMap::new(),
            task: task.to_owned(),
            input: None,
        };
        let mut parameters = BTreeMap::new();
        for parameter in &settings.parameters {
            // A default that does not resolve is kept as it is.
            let value = scope.resolved(&parameter.default);
            let value = value.unwrap_or_else(|_| parameter.default.clone());
            parameters.insert(parameter.name.clone(), value);
        }
        let repairs = run.repairs.iter().map(|repair| repair.request.as_str());
        for request in std::iter::once(run.request.as_str()).chain(repairs) {
            parameters.extend(texts_of(request, "job_parameters"));
        }
        scope.parameters = parameters;
        scope
    }

    /// Replaces the references in a text.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if a reference has no value.
    pub(crate) fn resolved(&self, text: &str) -> Result<String> {
        replaced(text, |path| {
            let value = self.value(path);
            value.ok_or_else(|| {
                let path = path.join(".");
                invalid(format!(
                    "the reference {{{{{path}}}}} of task {:?} has no value in this run: check \
                     its name, and that the task before it has set it",
                    self.task
                ))
            })
        })
    }

    /// Replaces the references in all texts of a JSON value.
    pub(crate) fn resolve_all(&self, value: &mut Value) -> Result<()> {
        match value {
            Value::String(text) => *text = self.resolved(text)?,
            Value::Array(items) => items.iter_mut().try_for_each(|item| self.resolve_all(item))?,
            Value::Object(members) => {
                members.values_mut().try_for_each(|member| self.resolve_all(member))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn value(&self, path: &[String]) -> Option<String> {
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        let run = self.run;
        match parts.as_slice() {
            ["input"] => self.input.as_ref().map(text_of),
            ["input", name] => self.input.as_ref()?.get(*name).map(text_of),
            ["job", "id"] => Some(run.job?.to_string()),
            ["job", "name"] => Some(self.settings.title().to_owned()),
            ["job", "run_id"] => Some(run.id.to_string()),
            ["job", "repair_count"] => Some(run.repairs.len().to_string()),
            ["job", "parameters", name] => self.parameters.get(*name).cloned(),
            ["job", "trigger", "type"] => Some(run.trigger.as_str().to_lowercase()),
            ["job", "trigger", kind @ ("model" | "table_update" | "file_arrival"), name] => {
                let request: Value = serde_json::from_str(&run.request).ok()?;
                request.get("trigger")?.get(kind)?.get(name).map(text_of)
            }
            ["job", "start_time", part] => {
                time_part(run.started.unwrap_or(run.created).as_millis(), part)
            }
            ["job", "trigger", "time", part] => {
                time_part(run.nominal.unwrap_or(run.created).as_millis(), part)
            }
            ["task", "name"] => Some(self.task.clone()),
            ["task", "run_id"] => Some(String::new()),
            ["task", "execution_count"] => Some(self.executions(&self.task).to_string()),
            ["task", "notebook_path"] => {
                let work = &self.settings.task(&self.task)?.work;
                Some(work.notebook_task.as_ref()?.notebook_path.clone())
            }
            ["tasks", task, rest @ ..] => self.value_of_task(task, rest),
            _ => None,
        }
    }

    fn value_of_task(&self, task: &str, rest: &[&str]) -> Option<String> {
        let attempts = self.run.attempts.iter().rev();
        let last = attempts.into_iter().find(|attempt| attempt.task == task)?;
        let end = last.end.as_ref();
        match rest {
            ["run_id"] => Some(last.id.to_string()),
            ["result_state"] => Some(end?.result.as_str().to_lowercase()),
            ["error_code"] => Some(end?.exit.unwrap_or_default().to_string()),
            ["execution_count"] => Some(self.executions(task).to_string()),
            ["values", name] => end?.output.values.get(*name).map(text_of),
            ["output"] => end?.output.values.get("result").map(text_of),
            _ => None,
        }
    }

    fn executions(&self, task: &str) -> usize {
        self.run.attempts.iter().filter(|attempt| attempt.task == task).count()
    }
}

/// Returns the texts of an object in a request, such as its `job_parameters`.
pub(crate) fn texts_of(request: &str, member: &str) -> BTreeMap<String, String> {
    let request: Value = serde_json::from_str(request).unwrap_or_default();
    let members = request.get(member).and_then(Value::as_object);
    let pairs = members.into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), text_of(value))).collect()
}

/// Returns the text of a value: of a string without quotes, of others their JSON.
pub(crate) fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Checks the references of a task: those to known things must name existing ones.
pub(crate) fn check(settings: &JobSettings, task: &str, value: &Value) -> Result<()> {
    match value {
        Value::String(text) => replaced(text, |path| {
            check_path(settings, task, path)?;
            Ok(String::new())
        })
        .map(drop),
        Value::Array(items) => items.iter().try_for_each(|item| check(settings, task, item)),
        Value::Object(members) => {
            members.values().try_for_each(|member| check(settings, task, member))
        }
        _ => Ok(()),
    }
}

fn check_path(settings: &JobSettings, task: &str, path: &[String]) -> Result<()> {
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    let is_known = match parts.as_slice() {
        ["job", "parameters", name] => {
            settings.parameters.iter().any(|parameter| parameter.name == *name)
        }
        ["job", "start_time" | "trigger", part] if *part != "type" => TIME_PARTS.contains(part),
        ["job", "trigger", "time", part] => TIME_PARTS.contains(part),
        ["job", "id" | "name" | "run_id" | "repair_count"] | ["job", "trigger", "type"] => true,
        ["job", "trigger", "model", "name" | "alias" | "version" | "condition"]
        | ["job", "trigger", "table_update", "updated_tables" | "version"]
        | ["job", "trigger", "file_arrival", "location"] => true,
        ["task", "name" | "run_id" | "execution_count" | "notebook_path"] => true,
        ["tasks", other, "run_id" | "result_state" | "error_code" | "execution_count"]
        | ["tasks", other, "output"]
        | ["tasks", other, "values", _] => settings.task(other).is_some(),
        ["input", ..] => true,
        _ => false,
    };
    if is_known {
        return Ok(());
    }
    let path = path.join(".");
    Err(invalid(format!(
        "task {task:?} refers to {{{{{path}}}}}, which does not exist: expected a parameter of \
         the job, a task of the job, or a name such as job.id"
    )))
}

/// Replaces each reference by what `value` returns for its path. Text that is not a reference stays
/// as it is.
fn replaced(text: &str, mut value: impl FnMut(&[String]) -> Result<String>) -> Result<String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let inside = after.split_once("}}");
        match inside.and_then(|(name, behind)| Some((path_of(name)?, behind))) {
            Some((path, behind)) => {
                out.push_str(&value(&path)?);
                rest = behind;
            }
            None => {
                out.push_str("{{");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Returns the path of a reference to a known namespace. Names with other characters than letters,
/// digits, `_` and `-` are between backticks.
fn path_of(name: &str) -> Option<Vec<String>> {
    let mut path = Vec::new();
    let mut rest = name.trim();
    loop {
        let (part, behind) = match rest.strip_prefix('`') {
            Some(quoted) => quoted.split_once('`')?,
            None => rest.split_at(rest.find('.').unwrap_or(rest.len())),
        };
        let is_word = |part: &str| {
            part.chars().all(|character| character.is_alphanumeric() || "_-".contains(character))
        };
        if part.is_empty() || (!rest.starts_with('`') && !is_word(part)) {
            return None;
        }
        path.push(part.to_owned());
        match behind.strip_prefix('.') {
            Some(more) => rest = more,
            None if behind.is_empty() => break,
            None => return None,
        }
    }
    old_name(&mut path);
    let namespaces = ["job", "task", "tasks", "input"];
    namespaces.contains(&path.first()?.as_str()).then_some(path)
}

/// Replaces the names of earlier versions of the API.
fn old_name(path: &mut Vec<String>) {
    let [name] = path.as_slice() else { return };
    let new: &[&str] = match name.as_str() {
        "job_id" => &["job", "id"],
        "run_id" | "parent_run_id" => &["job", "run_id"],
        "task_key" => &["task", "name"],
        "start_date" => &["job", "start_time", "iso_date"],
        _ => return,
    };
    *path = new.iter().map(|part| (*part).to_owned()).collect();
}

/// Returns a part of a time in UTC.
fn time_part(millis: i64, part: &str) -> Option<String> {
    let (days, rest) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let (year, month, day) = date_of(days);
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60);
    // The first day of 1970 was a Thursday.
    let weekday = (days + 3).rem_euclid(7) + 1;
    Some(match part {
        "iso_date" => format!("{year:04}-{month:02}-{day:02}"),
        "iso_datetime" => {
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
        }
        "year" => year.to_string(),
        "month" => month.to_string(),
        "day" => day.to_string(),
        "hour" => hour.to_string(),
        "minute" => minute.to_string(),
        "second" => second.to_string(),
        "timestamp_ms" => millis.to_string(),
        "iso_weekday" => weekday.to_string(),
        "is_weekday" => (weekday <= 5).to_string(),
        _ => return None,
    })
}

/// Returns year, month and day of a number of days since 1970, by the rule of Howard Hinnant: years
/// begin in March, so that the day of a leap year is the last.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_and_other_text_stays() {
        let shown = |text: &str| replaced(text, |path| Ok(path.join("/"))).unwrap();
        assert_eq!(shown("a {{job.id}} b"), "a job/id b");
        assert_eq!(shown("{{ tasks.`my task`.values.x }}"), "tasks/my task/values/x");
        assert_eq!(
            shown("{{run_id}}{{start_date}}"),
            "job/run_id".to_owned() + "job/start_time/iso_date"
        );
        for text in ["{{", "{{other.id}}", "{{job..id}}", "{{job.a b}}", "{{job.`a}}", "}}{"] {
            assert_eq!(shown(text), text);
        }
        assert_eq!(shown("{{ {{job.id}}"), "{{ job/id");
    }

    #[test]
    fn parts_of_times_are_in_utc() {
        // 2028-02-29 23:59:58, a Tuesday.
        let millis = 1_835_481_598_123;
        let parts: Vec<String> =
            TIME_PARTS.iter().map(|part| time_part(millis, part).unwrap()).collect();
        let expected = [
            "2028-02-29",
            "2028-02-29T23:59:58Z",
            "2028",
            "2",
            "29",
            "23",
            "59",
            "58",
            "1835481598123",
            "2",
            "true",
        ];
        assert_eq!(parts, expected);
        assert_eq!(time_part(-1, "iso_datetime").unwrap(), "1969-12-31T23:59:59Z");
        assert_eq!(time_part(0, "century"), None);
    }

    #[test]
    fn references_to_nothing_are_refused() {
        let text = r#"{"parameters": [{"name": "rate"}], "tasks": [{"task_key": "a"}]}"#;
        let settings = JobSettings::from_json(text).unwrap();
        let checked = |text: &str| check(&settings, "a", &Value::from(text));
        for known in ["{{job.parameters.rate}}", "{{tasks.a.values.x}}", "{{job.start_time.year}}"]
        {
            checked(known).unwrap();
        }
        for bad in ["{{job.naem}}", "{{job.parameters.rat}}", "{{tasks.b.values.x}}"] {
            let error = checked(bad).unwrap_err();
            assert!(error.message().contains(bad), "{error}");
        }
    }
}
