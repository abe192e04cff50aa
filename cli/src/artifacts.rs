//! `tracklite artifacts`: the files of a run.

use std::io;
use std::path::Path;

use serde::Serialize;
use tracklite::artifact::{ArtifactInfo, ArtifactOwner, Artifacts};
use tracklite::{Database, Error, ErrorKind, Result};

use crate::args::{
    ArtifactsCommand, ArtifactsGetArgs, ArtifactsLsArgs, ArtifactsPutArgs, ArtifactsRmArgs,
    FileArg, RunArg,
};
use crate::table::Table;
use crate::terminal::Terminal;
use crate::{Exit, Failure, Outcome, json, open_run, text};

/// An artifact, with MLflow's names.
#[derive(Serialize)]
struct ArtifactObject<'a> {
    path: &'a str,
    is_dir: bool,
    file_size: Option<u64>,
    media_type: Option<&'a str>,
    digest: Option<&'a str>,
    uri: Option<&'a str>,
    timestamp: i64,
}

impl<'a> From<&'a ArtifactInfo> for ArtifactObject<'a> {
    fn from(info: &'a ArtifactInfo) -> Self {
        ArtifactObject {
            path: &info.path,
            is_dir: info.is_folder,
            file_size: info.size,
            media_type: info.media_type.as_deref(),
            digest: info.digest.as_deref(),
            uri: info.uri.as_deref(),
            timestamp: info.written.as_millis(),
        }
    }
}

#[derive(Serialize)]
struct DownloadObject<'a> {
    run_id: String,
    path: &'a Path,
}

#[derive(Serialize)]
struct UploadObject<'a> {
    run_id: String,
    path: &'a str,
}

#[derive(Serialize)]
struct DeletionObject<'a> {
    run_id: String,
    path: &'a str,
    files: usize,
}

/// Runs a command for artifacts.
pub(crate) fn artifacts(command: &ArtifactsCommand, terminal: &mut Terminal) -> Outcome {
    match command {
        ArtifactsCommand::Ls(args) => list(args, terminal),
        ArtifactsCommand::Get(args) => get(args, terminal),
        ArtifactsCommand::Put(args) => put(args, terminal),
        ArtifactsCommand::Rm(args) => remove(args, terminal),
    }
}

fn open_read_only(file: &FileArg, run: &RunArg) -> Result<Artifacts> {
    let (database, id) = open_run(file, run)?;
    Ok(database.run(id)?.artifacts())
}

fn open_for_writing(file: &FileArg, run: &RunArg) -> Result<(Database, Artifacts)> {
    let database = Database::open(&file.path)?;
    let artifacts = database.run_by_prefix(&run.prefix)?.artifacts();
    Ok((database, artifacts))
}

fn run_id(artifacts: &Artifacts) -> String {
    match artifacts.owner() {
        ArtifactOwner::Run(id) => id.to_string(),
        other => format!("{other:?}"),
    }
}

fn list(args: &ArtifactsLsArgs, terminal: &mut Terminal) -> Outcome {
    let artifacts = open_read_only(&args.file, &args.run)?;
    let path = args.path.trim_end_matches('/');
    let is_listed = |info: &ArtifactInfo| {
        let rest = info.path.strip_prefix(path);
        path.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mut found = match args.recursive {
        true => artifacts.list_all()?.into_iter().filter(is_listed).collect(),
        false => artifacts.list(path)?,
    };
    // The path of a file lists the file, like `ls`.
    if found.is_empty() && !path.is_empty() {
        found.push(artifacts.info(path)?);
    }
    if args.output.json {
        let objects = found.iter().map(|info| Ok::<_, Failure>(ArtifactObject::from(info)));
        json::print_array(terminal, objects)?;
    } else if found.is_empty() {
        terminal.line("no artifacts")?;
    } else {
        print_table(&found, terminal)?;
    }
    Ok(Exit::Success)
}

fn print_table(found: &[ArtifactInfo], terminal: &mut Terminal) -> io::Result<()> {
    let mut table = Table::default();
    let size = |info: &ArtifactInfo| match info.size {
        Some(size) => text::bytes(size),
        None => "-".to_owned(),
    };
    let kind = |info: &ArtifactInfo| match (&info.uri, &info.media_type, info.is_folder) {
        (Some(uri), _, _) => format!("-> {uri}"),
        (_, _, true) => "folder".to_owned(),
        (_, media_type, _) => media_type.clone().unwrap_or_default(),
    };
    let path = |info: &ArtifactInfo| {
        let slash = if info.is_folder { "/" } else { "" };
        format!("{}{slash}", info.path)
    };
    table.numbers("size", found.iter().map(size));
    table.words("type", found.iter().map(kind));
    table.words("path", found.iter().map(path));
    table.print(terminal).map(drop)
}

fn get(args: &ArtifactsGetArgs, terminal: &mut Terminal) -> Outcome {
    let artifacts = open_read_only(&args.file, &args.run)?;
    if args.to == Path::new("-") {
        let mut reader = artifacts.open(&args.path)?;
        io::copy(&mut reader, terminal).map_err(copy_failure)?;
        return Ok(Exit::Success);
    }
    let path = artifacts.download(&args.path, &args.to)?;
    if args.output.json {
        json::print(terminal, &DownloadObject { run_id: run_id(&artifacts), path: &path })?;
    } else {
        terminal.line(&text::printable(&path.display().to_string()))?;
    }
    Ok(Exit::Success)
}

/// Separates errors of the reader, which contain an error of the library, from errors of the
/// output.
fn copy_failure(error: io::Error) -> Failure {
    match error.downcast::<Error>() {
        Ok(error) => Failure::Command(error),
        Err(error) => Failure::Output(error),
    }
}

fn put(args: &ArtifactsPutArgs, terminal: &mut Terminal) -> Outcome {
    let (database, artifacts) = open_for_writing(&args.file, &args.run)?;
    let is_folder = args.local.is_dir();
    let name = args.local.file_name().and_then(|name| name.to_str());
    let path = match (&args.path, is_folder, name) {
        (Some(path), ..) => path.trim_end_matches('/').to_owned(),
        (None, true, _) => String::new(),
        (None, false, Some(name)) => name.to_owned(),
        (None, false, None) => {
            let message = "the file name is not UTF-8: give a PATH for the artifact";
            return Err(Error::new(ErrorKind::InvalidInput, message).with_path(&args.local).into());
        }
    };
    if is_folder {
        artifacts.log_folder(&args.local, &path)?;
    } else {
        artifacts.log_file(&args.local, &path)?;
    }
    let run_id = run_id(&artifacts);
    drop(artifacts);
    database.close()?;
    if args.output.json {
        json::print(terminal, &UploadObject { run_id, path: &path })?;
    } else {
        let target = if path.is_empty() { "the root" } else { &path };
        terminal.line(&format!("logged to {}", text::printable(target)))?;
    }
    Ok(Exit::Success)
}

fn remove(args: &ArtifactsRmArgs, terminal: &mut Terminal) -> Outcome {
    let (database, artifacts) = open_for_writing(&args.file, &args.run)?;
    let path = args.path.trim_end_matches('/');
    let before = artifacts.list_all()?.len();
    artifacts.delete(path)?;
    let files = before.saturating_sub(artifacts.list_all()?.len());
    let run_id = run_id(&artifacts);
    drop(artifacts);
    database.close()?;
    if args.output.json {
        json::print(terminal, &DeletionObject { run_id, path, files })?;
    } else {
        let count = text::plural(files as u64, "file");
        terminal.line(&format!("deleted {count}; `gc` frees the space"))?;
    }
    Ok(Exit::Success)
}
