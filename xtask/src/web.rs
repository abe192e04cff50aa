//! The web page: its types, its bundle, and its tests in a browser.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::clients::REQUIREMENTS;
use crate::python::Environment;
use crate::runner::{Context, Outcome, StepResult, output_of, run_command};
use crate::steps::WORKSPACE;

/// The oldest version of Node that runs the scripts.
const NODE_MIN: u32 = 20;
/// Where Debian's Chromium is.
const CHROMIUM: &str = "/usr/bin/chromium";

/// Checks that the committed bundle is that of the source, and tests the page.
pub(crate) fn check(context: &Context) -> StepResult {
    if let Some(why) = node_lacks() {
        return Ok(Outcome::Skipped(why));
    }
    // A copy, so that the repository stays without packages.
    let folder = context.scratch("web")?;
    let source = context.root.join("web");
    copy(&source, &folder)?;
    run_command(npm(&folder).args(["ci", "--no-audit", "--no-fund", "--silent"]))?;
    for script in ["check", "build", "test"] {
        run_command(npm(&folder).args(["run", "--silent", script]))?;
    }
    compare(&source.join("dist"), &folder.join("dist"))?;
    if !has_chromium() {
        let why = "the pages were not opened, because Chromium is not installed";
        return Ok(Outcome::Skipped(why.to_owned()));
    }
    let words = format!("build --release --locked {WORKSPACE} --bin tracklite");
    run_command(&mut context.cargo(&words))?;
    let mut pages = npm(&folder);
    pages.args(["run", "--silent", "test:pages"]);
    pages.env("TRACKLITE", context.target.join("release").join("tracklite"));
    // The pages of endpoints show a model of MLflow.
    let environment = Environment::prepare(context)?;
    environment.add(context, Path::new(REQUIREMENTS))?;
    pages.env("TRACKLITE_PYTHON", environment.python());
    run_command(&mut pages)?;
    Ok(Outcome::Passed)
}

fn npm(folder: &Path) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(folder);
    command
}

/// Returns why Node cannot be used.
fn node_lacks() -> Option<String> {
    let version = match output_of(Command::new("node").arg("--version")) {
        Ok(version) => version,
        Err(why) => return Some(format!("the page needs Node {NODE_MIN} to be checked: {why}")),
    };
    let major = version.trim().trim_start_matches('v').split('.').next();
    match major.and_then(|major| major.parse::<u32>().ok()) {
        Some(major) if major >= NODE_MIN => None,
        _ => Some(format!("Node is {}, and at least {NODE_MIN} is needed", version.trim())),
    }
}

/// Installs Chromium if it lacks. Returns whether it is there.
fn has_chromium() -> bool {
    if Path::new(CHROMIUM).exists() {
        return true;
    }
    println!("   {CHROMIUM} does not exist; trying to install chromium");
    for words in ["update --quiet", "install --yes --quiet --no-install-recommends chromium"] {
        let mut command = Command::new("apt-get");
        command.args(words.split(' ')).env("DEBIAN_FRONTEND", "noninteractive");
        if let Err(why) = output_of(&mut command) {
            println!("!! chromium cannot be installed: {why}");
            return false;
        }
    }
    Path::new(CHROMIUM).exists()
}

/// Copies the files of a folder, without installed packages.
fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let locate = |path: &Path, error| format!("{}: {error}", path.display());
    std::fs::create_dir_all(to).map_err(|error| locate(to, error))?;
    for (name, path) in entries(from)? {
        let target = to.join(&name);
        if name == "node_modules" {
            continue;
        }
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            std::fs::copy(&path, &target).map_err(|error| locate(&path, error))?;
        }
    }
    Ok(())
}

/// Fails if two folders have different files.
fn compare(committed: &Path, built: &Path) -> Result<(), String> {
    let files = |folder: &Path| -> Result<Vec<(String, Vec<u8>)>, String> {
        let files = entries(folder)?.into_iter().map(|(name, path)| {
            let bytes = std::fs::read(&path);
            Ok((name, bytes.map_err(|error| format!("{}: {error}", path.display()))?))
        });
        files.collect()
    };
    let (committed, built) = (files(committed)?, files(built)?);
    if committed == built {
        return Ok(());
    }
    let differs = built.iter().find(|file| !committed.contains(file));
    let name = differs.or(committed.first()).map_or("?", |(name, _)| name.as_str());
    Err(format!("web/dist/{name} is not that of the source: run `npm run build` in web/"))
}

/// Returns the entries of a folder by name.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    let locate = |error| format!("{}: {error}", folder.display());
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(locate)? {
        let entry = entry.map_err(locate)?;
        entries.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    entries.sort();
    Ok(entries)
}
