//! The settings of the processes that run models.

use std::path::PathBuf;

use crate::answer::Observer;

/// How models are run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The Python that has MLflow and the packages of the models. Default: the variable
    /// `TRACKLITE_PYTHON`, else `python3`, searched in `PATH`.
    pub python: PathBuf,
    /// The most bytes of data that a worker may have. 0 removes the limit. Default: 8 GiB.
    pub memory: u64,
    /// Whether workers may use the network. Default: false. It is closed on Linux, on `x86_64` and
    /// `aarch64`.
    pub network: bool,
    /// The folder for the environments of models. Default: `tracklite/environments` in the user's
    /// cache folder, which is `$XDG_CACHE_HOME` or `~/.cache`.
    pub environments: Option<PathBuf>,
    /// Sees each request to a served model when it has ended. Default: none.
    pub observer: Option<Observer>,
}

impl Default for Settings {
    fn default() -> Self {
        let named = std::env::var_os("TRACKLITE_PYTHON").filter(|name| !name.is_empty());
        Settings {
            python: named.unwrap_or_else(|| "python3".into()).into(),
            memory: 8 << 30,
            network: false,
            environments: cache().map(|cache| cache.join("tracklite").join("environments")),
            observer: None,
        }
    }
}

fn cache() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|it| it.is_absolute());
    absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))
}
