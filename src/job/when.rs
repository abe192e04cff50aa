//! When a job runs: the next fire of its schedule or interval.

use crate::entity::id::Timestamp;
use crate::entity::wording::invalid;
use crate::entity::{JobCron, JobEvents, JobExtras, JobSettings, PeriodicEvent};
use crate::error::Result;
use crate::job::rules::{check_path, check_word};

/// The shortest time between two fires, in nanoseconds.
const SHORTEST: i64 = 10_000_000_000;

/// The fires of a job, which are computed from its settings once.
#[derive(Clone, Debug)]
pub(crate) enum Fires {
    #[cfg(feature = "schedule")]
    Cron(Box<crate::schedule::CronSchedule>),
    /// An interval in nanoseconds, counted from the start of the schedule.
    Every(i64),
}

impl Fires {
    /// Returns the fires of a job. A paused job, or one without schedule, has none.
    pub(crate) fn of(settings: &JobSettings) -> Option<Fires> {
        if settings.is_paused() {
            return None;
        }
        let periodic = settings.trigger.as_ref().and_then(|trigger| trigger.periodic.as_ref());
        match (&settings.schedule, periodic) {
            (Some(cron), _) => cron_fires(cron, &settings.tracklite).ok(),
            (None, Some(periodic)) => interval(periodic).ok().map(Fires::Every),
            _ => None,
        }
    }

    /// Returns the first fire after a time, for a schedule that holds since `since`.
    pub(crate) fn next_after(&self, after: Timestamp, since: Timestamp) -> Option<Timestamp> {
        match self {
            #[cfg(feature = "schedule")]
            Fires::Cron(schedule) => schedule.next_after(after),
            Fires::Every(step) => {
                let passed = after.as_nanos().saturating_sub(since.as_nanos()).max(0);
                let next = (passed / step).checked_add(1)?.checked_mul(*step)?;
                since.as_nanos().checked_add(next).map(Timestamp::from_nanos)
            }
        }
    }
}

/// Returns the version of the time zones by which schedules fire.
pub(crate) fn zones() -> Option<String> {
    #[cfg(feature = "schedule")]
    return Some(crate::schedule::TimeZone::database_version().to_owned());
    #[cfg(not(feature = "schedule"))]
    None
}

/// Checks the schedule and the triggers.
pub(crate) fn check(settings: &JobSettings) -> Result<()> {
    let set =
        [settings.schedule.is_some(), settings.continuous.is_some(), settings.trigger.is_some()];
    if set.into_iter().filter(|is_set| *is_set).count() > 1 {
        return Err(invalid(
            "only one of schedule, continuous and trigger may be set: remove the others".to_owned(),
        ));
    }
    let statuses = ["PAUSED", "UNPAUSED"];
    if let Some(cron) = &settings.schedule {
        check_word("schedule.pause_status", cron.pause_status.as_deref(), &statuses)?;
        check_frequency(&cron_fires(cron, &settings.tracklite)?)?;
    }
    if let Some(continuous) = &settings.continuous {
        check_word("continuous.pause_status", continuous.pause_status.as_deref(), &statuses)?;
    }
    let Some(trigger) = &settings.trigger else { return Ok(()) };
    check_word("trigger.pause_status", trigger.pause_status.as_deref(), &statuses)?;
    if let Some(periodic) = &trigger.periodic {
        interval(periodic)?;
    }
    if let Some(model) = &trigger.model {
        let conditions = ["MODEL_CREATED", "MODEL_VERSION_READY", "MODEL_ALIAS_SET"];
        check_word("trigger.model.condition", Some(&model.condition), &conditions)?;
    }
    if let Some(tables) = &trigger.table_update {
        let conditions = ["ANY_UPDATED", "ALL_UPDATED"];
        check_word("trigger.table_update.condition", tables.condition.as_deref(), &conditions)?;
        if tables.table_names.is_empty() {
            let message = "trigger.table_update has no table_names: name at least one table";
            return Err(invalid(message.to_owned()));
        }
    }
    if let Some(files) = &trigger.file_arrival {
        check_path("trigger.file_arrival", &files.url)?;
    }
    check_one_event(trigger)
}

fn check_one_event(trigger: &JobEvents) -> Result<()> {
    let set = [
        trigger.periodic.is_some(),
        trigger.file_arrival.is_some(),
        trigger.model.is_some(),
        trigger.table_update.is_some(),
    ];
    if set.into_iter().filter(|is_set| *is_set).count() > 1 {
        return Err(invalid("the trigger has several events: keep one".to_owned()));
    }
    Ok(())
}

#[cfg(feature = "schedule")]
fn cron_fires(cron: &JobCron, extras: &JobExtras) -> Result<Fires> {
    use crate::schedule::{CronSchedule, DaylightSaving};

    let schedule = CronSchedule::parse(&cron.quartz_cron_expression, &cron.timezone_id)?;
    let mode = extras.daylight_saving.as_deref().unwrap_or("once").parse::<DaylightSaving>()?;
    Ok(Fires::Cron(Box::new(schedule.daylight_saving(mode))))
}

#[cfg(not(feature = "schedule"))]
fn cron_fires(_: &JobCron, _: &JobExtras) -> Result<Fires> {
    Err(invalid("this program has no schedules: build it with the feature `schedule`".to_owned()))
}

/// Returns an interval in nanoseconds.
fn interval(periodic: &PeriodicEvent) -> Result<i64> {
    let unit: i64 = match periodic.unit.as_str() {
        "MINUTES" => 60,
        "HOURS" => 3600,
        "DAYS" => 86_400,
        "WEEKS" => 604_800,
        _ => {
            let units = ["MINUTES", "HOURS", "DAYS", "WEEKS"];
            check_word("trigger.periodic.unit", Some(&periodic.unit), &units)?;
            0
        }
    };
    let interval = i64::try_from(periodic.interval).ok().filter(|interval| *interval > 0);
    let nanos =
        interval.and_then(|interval| interval.checked_mul(unit)?.checked_mul(1_000_000_000));
    nanos.ok_or_else(|| {
        let found = periodic.interval;
        invalid(format!(
            "trigger.periodic.interval is {found}, expected 1 or more, and no centuries"
        ))
    })
}

/// Refuses a schedule that fires more often than each ten seconds.
fn check_frequency(fires: &Fires) -> Result<()> {
    let start = Timestamp::from_nanos(0);
    let mut last = fires.next_after(Timestamp::now(), start);
    for _ in 0..64 {
        let Some(fire) = last else { return Ok(()) };
        let next = fires.next_after(fire, start);
        if next.is_some_and(|next| next.as_nanos() - fire.as_nanos() < SHORTEST) {
            return Err(invalid(
                "the schedule fires more often than each 10 seconds: expected a longer time \
                 between two fires, or a continuous job"
                    .to_owned(),
            ));
        }
        last = next;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_counted_from_the_start_of_the_schedule() {
        let settings = |text: &str| JobSettings::from_json(text).unwrap();
        let periodic = r#"{"trigger": {"periodic": {"interval": 2, "unit": "HOURS"}}}"#;
        let fires = Fires::of(&settings(periodic)).unwrap();
        let at = |hours: i64| Timestamp::from_nanos(hours * 3_600_000_000_000 + 5);
        assert_eq!(fires.next_after(at(1), at(1)), Some(at(3)));
        assert_eq!(fires.next_after(at(3), at(1)), Some(at(5)));
        assert_eq!(fires.next_after(at(0), at(1)), Some(at(3)));
        assert!(Fires::of(&settings("{}")).is_none());
        let paused = periodic.replace("{\"periodic", "{\"pause_status\": \"PAUSED\", \"periodic");
        assert!(Fires::of(&settings(&paused)).is_none());
    }

    #[cfg(feature = "schedule")]
    #[test]
    fn schedules_that_are_wrong_or_too_frequent_are_refused() {
        let checked = |cron: &str, zone: &str| {
            let cron = JobCron {
                quartz_cron_expression: cron.to_owned(),
                timezone_id: zone.to_owned(),
                pause_status: None,
            };
            check(&JobSettings { schedule: Some(cron), ..JobSettings::default() })
        };
        checked("0 0 6 * * ?", "America/New_York").unwrap();
        checked("0/10 * * * * ?", "UTC").unwrap();
        for (cron, zone, wanted) in [
            ("0/5 * * * * ?", "UTC", "each 10 seconds"),
            ("0 0 6 * * *", "UTC", "^"),
            ("0 0 6 * * ?", "Mars/Olympus", "Mars/Olympus"),
            ("0 0 6 1 * MON", "UTC", "^"),
        ] {
            let error = checked(cron, zone).unwrap_err();
            assert!(error.message().contains(wanted), "{cron}: {error}");
        }
    }
}
