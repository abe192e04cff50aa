//! The command of a task.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tracklite::job::{JobWork, Task};

use crate::workspace;

/// The program that runs Python code.
const PROGRAM: &str = include_str!("task.py");

/// What a runner knows about its machine.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) workspace: Option<PathBuf>,
    pub(crate) python: PathBuf,
}

/// Returns the command of a task, or the reason why it has none. `folder` gets the files that it
/// needs.
pub(crate) fn command_of(machine: &Machine, task: &Task, folder: &Path) -> Result<Command, String> {
    let work = &task.task.work;
    let find = |path: &str| workspace::found(machine.workspace.as_deref(), path);
    let mut command = match work {
        JobWork { notebook_task: Some(notebook), .. } => {
            let file = find(&notebook.notebook_path)?;
            let more = json!({"kind": "notebook", "file": file});
            let mut command = python_program(machine, task, folder, more)?;
            command.current_dir(file.parent().unwrap_or(folder));
            command
        }
        JobWork { python_wheel_task: Some(wheel), .. } => {
            let more = json!({
                "kind": "wheel",
                "package_name": wheel.package_name,
                "entry_point": wheel.entry_point,
                "parameters": wheel.parameters,
                "named_parameters": wheel.named_parameters,
            });
            python_program(machine, task, folder, more)?
        }
        JobWork { spark_python_task: Some(python), .. } => {
            let file = find(&python.python_file)?;
            let mut command = Command::new(&machine.python);
            command.current_dir(file.parent().unwrap_or(folder));
            command.arg(file).args(&python.parameters);
            command
        }
        JobWork { spark_submit_task: Some(spark), .. } => {
            let mut command = Command::new("spark-submit");
            command.args(&spark.parameters);
            command
        }
        JobWork { command_task: Some(work), .. } => {
            let (program, arguments) = work.command.split_first().ok_or("the command is empty")?;
            let mut command = Command::new(program);
            command.args(arguments);
            if let Some(workspace) = &machine.workspace {
                command.current_dir(workspace);
            }
            command
        }
        _ => {
            return Err("tasks of this kind cannot run here: expected notebook_task, \
                        spark_python_task, python_wheel_task, spark_submit_task, command_task, \
                        condition_task, for_each_task, run_job_task or register_task"
                .to_owned());
        }
    };
    command.env("TRACKLITE_TASK_FOLDER", folder).env("PYTHONUNBUFFERED", "1");
    Ok(command)
}

fn python_program(
    machine: &Machine,
    task: &Task,
    folder: &Path,
    more: serde_json::Value,
) -> Result<Command, String> {
    let mut settings = json!({"parameters": task.parameters, "task_values": task.values});
    if let (Some(settings), serde_json::Value::Object(more)) = (settings.as_object_mut(), more) {
        settings.extend(more);
    }
    let program = folder.join("task.py");
    let write = || -> io::Result<()> {
        std::fs::write(&program, PROGRAM)?;
        std::fs::write(folder.join("task.json"), settings.to_string())
    };
    write().map_err(|error| format!("the folder of the task cannot be written: {error}"))?;
    let mut command = Command::new(&machine.python);
    command.arg(program);
    Ok(command)
}
