//! The environment of the tasks of jobs: their programs reach the file through this server.

use tracklite_jobs::{Environment, Lease};

use crate::access::LentTokens;
use crate::random::random_hex;

/// Points the clients of MLflow and Databricks at this server, with a token for the task.
pub(crate) struct ServerEnvironment {
    url: String,
    lent: LentTokens,
}

impl ServerEnvironment {
    pub(crate) fn new(url: String, lent: LentTokens) -> ServerEnvironment {
        ServerEnvironment { url, lent }
    }
}

impl Environment for ServerEnvironment {
    fn lend(&self, task: &tracklite::job::Task) -> Lease {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut variables = vec![
            pair("MLFLOW_TRACKING_URI", "databricks"),
            pair("DATABRICKS_HOST", &self.url),
            pair("DATABRICKS_AUTH_TYPE", "pat"),
        ];
        for name in ["NO_PROXY", "no_proxy"] {
            let known = std::env::var(name).unwrap_or_default();
            let hosts =
                if known.is_empty() { "127.0.0.1".to_owned() } else { known + ",127.0.0.1" };
            variables.push(pair(name, &hosts));
        }
        match random_hex(32) {
            Ok(secret) => {
                let token = format!("tlk_{secret}");
                variables.push(pair("DATABRICKS_TOKEN", &token));
                Lease { variables, guard: Some(Box::new(self.lent.lend(token, &task.user))) }
            }
            Err(error) => {
                log::error!("a task of a job gets no token: {error}");
                Lease { variables, guard: None }
            }
        }
    }
}
