//! `tracklite jobs`: the commands, and the explanation of schedules.

use clap::{Args, Subcommand};
use serde::Serialize;
use tracklite::Timestamp;
use tracklite::schedule::{CronExpression, CronSchedule, DaylightSaving, TimeZone};

use crate::common_args::{FileArgs, JsonFlag};
use crate::job_commands::{self as commands, CreateArgs, LogsArgs, OneArgs, RunNowArgs};
#[cfg(feature = "serve")]
use crate::job_daemon::{DaemonArgs, daemon};
use crate::json;
use crate::table::Table;
use crate::terminal::Terminal;
use crate::{Exit, Outcome, text};

#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// List jobs with their schedules and last runs
    Ls(FileArgs),
    /// Create a job from its settings, a JSON file in the words of Databricks
    Create(CreateArgs),
    /// Create a run of a job, which the next free runner runs
    Run(RunNowArgs),
    /// Pause the schedule of a job
    Pause(OneArgs),
    /// Let the schedule of a job continue
    Resume(OneArgs),
    /// Cancel all active runs of a job, or one run
    Cancel(OneArgs),
    /// Print the output of the tasks of a run, or of the last run of a job
    Logs(LogsArgs),
    /// Run the jobs of a file until a signal
    #[cfg(feature = "serve")]
    Daemon(DaemonArgs),
    /// Explain a Quartz cron expression, and print when it fires next
    Explain(ExplainArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Expression: second, minute, hour, day of month, month, day of week and maybe year, for
    /// example '0 0 6 * * ?'
    #[arg(value_name = "CRON")]
    expression: String,
    /// Time zone: a name of the IANA database or of Java
    #[arg(long, short, value_name = "ZONE", default_value = "UTC")]
    zone: String,
    /// Local time after which fires are printed, for example '2027-03-13 12:00' [default: now]
    #[arg(long, short, value_name = "TIME")]
    after: Option<String>,
    /// Print at most N fires
    #[arg(long, short = 'n', value_name = "N", default_value_t = 5)]
    limit: usize,
    /// Rule for changes of clocks: once (each time of day fires once) or quartz (like Quartz, which
    /// may lose fires)
    #[arg(long, value_name = "MODE", default_value = "once")]
    daylight_saving: String,
    #[command(flatten)]
    output: JsonFlag,
}

#[derive(Serialize)]
struct ScheduleObject<'a> {
    quartz_cron_expression: &'a str,
    timezone_id: &'a str,
    daylight_saving: &'static str,
    explanation: String,
    next_fire_times: Vec<i64>,
}

/// Runs a command for jobs.
pub(crate) fn jobs(command: &JobsCommand, terminal: &mut Terminal) -> Outcome {
    match command {
        JobsCommand::Ls(args) => commands::list(args, terminal),
        JobsCommand::Create(args) => commands::create(args, terminal),
        JobsCommand::Run(args) => commands::run(args, terminal),
        JobsCommand::Pause(args) => commands::set_paused(args, true, terminal),
        JobsCommand::Resume(args) => commands::set_paused(args, false, terminal),
        JobsCommand::Cancel(args) => commands::cancel(args, terminal),
        JobsCommand::Logs(args) => commands::logs(args, terminal),
        #[cfg(feature = "serve")]
        JobsCommand::Daemon(args) => daemon(args, terminal),
        JobsCommand::Explain(args) => explain(args, terminal),
    }
}

fn explain(args: &ExplainArgs, terminal: &mut Terminal) -> Outcome {
    let expression = CronExpression::parse(&args.expression)?;
    let zone = TimeZone::named(&args.zone)?;
    let mode: DaylightSaving = args.daylight_saving.parse()?;
    let local = args.after.as_deref();
    let after = local.map_or_else(|| Ok(Timestamp::now()), |local| zone.instant_of(local))?;
    let schedule = CronSchedule::new(expression, zone).daylight_saving(mode);
    let fires: Vec<Timestamp> = schedule.fires_after(after).take(args.limit).collect();
    if args.output.json {
        let object = ScheduleObject {
            quartz_cron_expression: schedule.expression().as_str(),
            timezone_id: schedule.zone().name(),
            daylight_saving: mode.as_str(),
            explanation: schedule.expression().explain(),
            next_fire_times: fires.iter().map(|fire| fire.as_millis()).collect(),
        };
        json::print(terminal, &object)?;
    } else {
        print(&schedule, &fires, terminal)?;
    }
    Ok(Exit::Success)
}

fn print(schedule: &CronSchedule, fires: &[Timestamp], terminal: &mut Terminal) -> Outcome {
    terminal.line(&schedule.to_string())?;
    if fires.is_empty() {
        terminal.line("no fires")?;
        return Ok(Exit::Success);
    }
    let local = |fire: &Timestamp| {
        let time = schedule.zone().local_time(*fire);
        format!("{} {time}", time.weekday())
    };
    let mut table = Table::default();
    table.words("local time", fires.iter().map(local));
    table.words("UTC", fires.iter().map(|fire| text::date(*fire)));
    table.print(terminal)?;
    Ok(Exit::Success)
}
