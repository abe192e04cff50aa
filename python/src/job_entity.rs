//! Jobs and their runs as the frozen values of `tracklite.entities`.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use tracklite::Timestamp;
use tracklite::job::{JobAttempt, JobId, JobInfo, JobOutput, JobRunInfo, JobSettings};
use tracklite::schedule::CronSchedule;

use crate::convert::grantee;
use crate::entity::{Entity, Fields, Object, instant};
use crate::error::python_error;

impl Entity for JobInfo {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let read = JobSettings::from_json(&self.settings);
        let read = read.map_err(|error| python_error(py, &error))?;
        let grants = self.grants.iter();
        let grants: BTreeMap<String, &str> =
            grants.map(|grant| (grantee(&grant.principal), grant.level.as_str())).collect();
        let fields = Fields::new(py).add(self.id.get()).add(read.title()).json(&self.settings);
        let fields = fields.add(read.is_paused()).add(&self.creator).time(self.created);
        let fields = fields.add(&self.author).time(self.updated).add(self.revision);
        fields.maybe_time(self.last_fire).add(grants).build("JobInfo")
    }
}

impl Entity for JobAttempt {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let end = self.end.as_ref();
        let none = JobOutput::default();
        let output = end.map_or(&none, |end| &end.output);
        let values = serde_json::Value::from_iter(output.values.clone()).to_string();
        let fields = Fields::new(py).add(self.id.get()).add(&self.task).add(self.number);
        let fields = fields.maybe_time(self.started).maybe_time(end.map(|end| end.time));
        let fields = fields.add(end.map(|end| end.result.as_str()));
        let fields = fields.add(end.map_or("", |end| end.message.as_str()));
        let fields = fields.add(end.and_then(|end| end.exit)).add(&output.exit_value);
        fields.json(&values).build("JobAttempt")
    }
}

impl Entity for JobRunInfo {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let end = self.end.as_ref();
        let fields = Fields::new(py).add(self.id.get()).add(self.job.map(JobId::get));
        let fields = fields.add(self.number).add(self.trigger.as_str()).maybe_time(self.nominal);
        let fields = fields.json(&self.request).add(&self.author).time(self.created);
        let fields = fields.maybe_time(self.started).maybe_time(end.map(|end| end.time));
        let fields = fields.add(end.map(|end| end.result.as_str()));
        let fields = fields.add(end.map_or("", |end| end.message.as_str()));
        fields.entities(&self.attempts).build("JobRunInfo")
    }
}

/// A schedule, and some of its fires.
pub(crate) struct Fires {
    pub(crate) schedule: CronSchedule,
    pub(crate) fires: Vec<Timestamp>,
}

impl Entity for Fires {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let fires = self.fires.iter().map(|fire| instant(py, *fire));
        let fires = fires.collect::<PyResult<Vec<_>>>()?;
        let fields = Fields::new(py).add(self.schedule.expression().as_str());
        let fields = fields.add(self.schedule.zone().name());
        fields.add(self.schedule.to_string()).add(fires).build("CronFires")
    }
}
