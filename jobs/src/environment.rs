//! The environment of tasks: how their programs find the file.

use std::any::Any;

use tracklite::Database;
use tracklite::job::Task;

/// Decides how the programs of tasks find the file.
pub trait Environment: Send + Sync {
    /// Returns the variables for a task.
    fn lend(&self, task: &Task) -> Lease;
}

/// Variables for a task, which may be valid only as long as this exists.
pub struct Lease {
    /// The variables.
    pub variables: Vec<(String, String)>,
    /// What is dropped after the task, such as its right to use a token.
    pub guard: Option<Box<dyn Any + Send>>,
}

/// Lets MLflow write into the file directly, with the plug-in of the Python package `tracklite`.
#[derive(Clone, Debug)]
pub struct FileEnvironment {
    address: String,
}

impl FileEnvironment {
    /// Creates the environment for a file.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        FileEnvironment { address: database.address() }
    }
}

impl Environment for FileEnvironment {
    fn lend(&self, _: &Task) -> Lease {
        let variables = vec![("MLFLOW_TRACKING_URI".to_owned(), self.address.clone())];
        Lease { variables, guard: None }
    }
}
