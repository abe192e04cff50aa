//! Backups, vacuums and salvages of the file, compared with the plain model.

use tracklite::Database;

use super::plain::Plain;
use super::world::{World, describe};
use crate::support::{self, File as _};

impl World {
    pub(super) fn backup(&mut self, who: bool) -> Result<(), String> {
        let path = self.folder.path().join("backup.tracklite");
        self.database(who)?.backup(&path).map_err(|error| describe("backup", &error))?;
        let compared = self.compare("the backup", support::read_path(&path));
        let report = Database::verify(&path).map_err(|error| describe("verify", &error))?;
        std::fs::remove_file(&path).map_err(|error| error.to_string())?;
        compared?;
        if report.is_sound() {
            Ok(())
        } else {
            Err(format!("the backup is damaged: {:?}", report.damages))
        }
    }

    /// Closes both processes and continues with the vacuumed file.
    pub(super) fn vacuum(&mut self) -> Result<(), String> {
        self.close(false)?;
        self.close(true)?;
        let path = self.folder.path().join("vacuum.tracklite");
        std::fs::write(&path, self.file.bytes()).map_err(|error| error.to_string())?;
        Database::vacuum(&path).map_err(|error| describe("vacuum", &error))?;
        let bytes = std::fs::read(&path).map_err(|error| error.to_string())?;
        std::fs::remove_file(&path).map_err(|error| error.to_string())?;
        self.boots += 1;
        self.file = support::disk_with(&bytes, self.boots);
        // A vacuumed file has no memory of purged runs and experiments.
        let Plain { content, started, created } = &mut self.plain;
        started.retain(|id| content.runs.contains_key(id));
        created.retain(|id| content.experiments.contains_key(id));
        self.compare("the vacuumed file", support::read_file(&self.file))
    }

    /// Salvages the file while its writers have it open.
    pub(super) fn salvage(&mut self) -> Result<(), String> {
        let path = self.folder.path().join("file.tracklite");
        let out = self.folder.path().join("salvaged.tracklite");
        std::fs::write(&path, self.file.bytes()).map_err(|error| error.to_string())?;
        let report = Database::salvage(&path, &out).map_err(|error| describe("salvage", &error))?;
        let compared = self.compare("the salvaged file", support::read_path(&out));
        for path in [&path, &out] {
            std::fs::remove_file(path).map_err(|error| error.to_string())?;
        }
        compared?;
        if report.lost.is_empty() { Ok(()) } else { Err(format!("salvage lost {:?}", report.lost)) }
    }
}
