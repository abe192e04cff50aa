//! Packages of Debian that a step needs.

use std::process::Command;

use crate::runner::output_of;

/// Installs packages with `apt-get`, unless what they have is there already.
pub(crate) fn find(packages: &[&str], is_there: fn() -> bool) -> Result<(), String> {
    if is_there() {
        return Ok(());
    }
    let names = packages.join(" ");
    println!("   {names}: not installed; trying apt-get");
    for words in ["update --quiet", &format!("install --yes --quiet {names}")] {
        let mut command = Command::new("apt-get");
        command.args(words.split(' ')).env("DEBIAN_FRONTEND", "noninteractive");
        output_of(&mut command)?;
    }
    if is_there() { Ok(()) } else { Err(format!("{names}: installed, but of no use")) }
}
