//! Small mounted file systems of several kinds, for the tests that fill a disk.
//!
//! The tests are those of `tests/main.rs`, of the server and of the program with `full_disk` in
//! their name. They find the mounts in `TRACKLITE_SMALL_DISKS` as `kind=folder` pairs, separated by
//! `;`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::runner::{Context, Outcome, StepResult, output_of, run_command};
use crate::steps::WORKSPACE;

/// The space in KiB that stays free on each file system for the tests to fill.
const FREE_KIB: u64 = 24 * 1024;
/// The size of the sparse image file. Each kind of file system supports it.
const IMAGE_BYTES: u64 = 512 * 1024 * 1024;

/// A mounted small disk, which is unmounted when dropped.
struct Disk {
    kind: &'static str,
    folder: PathBuf,
}

impl Drop for Disk {
    fn drop(&mut self) {
        let mut command = Command::new("umount");
        if let Err(error) = run_command(command.arg(&self.folder)) {
            eprintln!("!! cannot unmount {}: {error}", self.folder.display());
        }
    }
}

pub(crate) fn check(context: &Context) -> StepResult {
    if !output_of(Command::new("id").arg("-u")).is_ok_and(|user| user.trim() == "0") {
        return Ok(Outcome::Skipped("mounting small disks needs root".to_owned()));
    }
    install_tools();
    let scratch = context.scratch("full-disk")?;
    let mut disks = Vec::new();
    let mut missing = Vec::new();
    for kind in ["tmpfs", "ext4", "xfs", "btrfs"] {
        match mount(kind, &scratch) {
            Ok(disk) => disks.push(disk),
            Err(why) => {
                println!("!! no {kind}: {why}");
                missing.push(kind);
            }
        }
    }
    if disks.is_empty() {
        return Ok(Outcome::Skipped("no file system could be mounted".to_owned()));
    }
    let pairs: Vec<String> =
        disks.iter().map(|disk| format!("{}={}", disk.kind, disk.folder.display())).collect();
    let words =
        format!("test --release --locked {WORKSPACE} --test main --test server --test cli --");
    let mut command = context.cargo(&words);
    command.args(["full_disk", "--ignored", "--nocapture", "--test-threads=1"]);
    run_command(command.env("TRACKLITE_SMALL_DISKS", pairs.join(";")))?;
    if missing.is_empty() {
        return Ok(Outcome::Passed);
    }
    Ok(Outcome::Skipped(format!("partly: no {}", missing.join(", no "))))
}

/// Installs missing programs that create file systems. If this fails, the tests skip those kinds.
fn install_tools() {
    let packages = [("ext4", "e2fsprogs"), ("xfs", "xfsprogs"), ("btrfs", "btrfs-progs")];
    let is_missing =
        |kind: &str| output_of(Command::new(format!("mkfs.{kind}")).arg("-V")).is_err();
    let missing = packages.into_iter().filter(|(kind, _)| is_missing(kind));
    let missing: Vec<&str> = missing.map(|(_, package)| package).collect();
    if missing.is_empty() {
        return;
    }
    println!("   installing {}", missing.join(" "));
    let apt = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        output_of(command.env("DEBIAN_FRONTEND", "noninteractive").args(words))
    };
    let install = [&["install", "-y", "-q", "--no-install-recommends"][..], &missing].concat();
    if let Err(error) = apt(&["update", "-q"]).and_then(|_| apt(&install)) {
        println!("!! cannot install {}: {error}", missing.join(" "));
    }
}

fn mount(kind: &'static str, scratch: &Path) -> Result<Disk, String> {
    let folder = scratch.join(kind);
    std::fs::create_dir(&folder).map_err(|error| error.to_string())?;
    let mut command = Command::new("mount");
    if kind == "tmpfs" {
        command.args(["-t", "tmpfs", "-o", &format!("size={FREE_KIB}k"), "tracklite"]);
    } else {
        let image = scratch.join(format!("{kind}.image"));
        let file = std::fs::File::create(&image).map_err(|error| error.to_string())?;
        file.set_len(IMAGE_BYTES).map_err(|error| error.to_string())?;
        output_of(Command::new(format!("mkfs.{kind}")).arg("-q").arg(&image))?;
        command.args(["-o", "loop"]).arg(&image);
    }
    output_of(command.arg(&folder))?;
    let disk = Disk { kind, folder };
    if kind != "tmpfs" {
        fill_up(&disk.folder)?;
    }
    Ok(disk)
}

/// Fills the disk, except for the space that the tests fill.
fn fill_up(folder: &Path) -> Result<(), String> {
    let listed = output_of(Command::new("df").args(["-k", "--output=avail"]).arg(folder))?;
    let free = listed.lines().nth(1).and_then(|line| line.trim().parse::<u64>().ok());
    let free = free.ok_or_else(|| format!("unexpected output of df: {listed:?}"))?;
    let size = format!("{}KiB", free.saturating_sub(FREE_KIB));
    let mut command = Command::new("fallocate");
    output_of(command.args(["-l", &size]).arg(folder.join("filler")))?;
    Ok(())
}
